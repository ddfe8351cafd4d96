"""The work itself: one package a capability, with no knowledge of HTTP or of WeChat."""
