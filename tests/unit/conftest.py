"""Property tests may take their time on a busy machine."""

from hypothesis import settings

settings.register_profile("fangpin", deadline=None)
settings.load_profile("fangpin")
