"""Pre-flight: each check looks at one thing of a cluster and says what to do about it. Reads only."""
