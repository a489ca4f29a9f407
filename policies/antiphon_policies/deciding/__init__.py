"""One tick of the control loop: from what is seen of an agent to what it is to run with, and why."""
