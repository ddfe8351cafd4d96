"""What is held about somebody, put together for themselves."""
