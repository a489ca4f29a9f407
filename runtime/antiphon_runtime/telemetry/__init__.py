"""What the runtime tells of itself: metrics, traces, logs."""
