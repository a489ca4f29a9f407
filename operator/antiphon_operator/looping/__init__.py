"""The control loop in the operator: looks at all agents, lets the brain decide, hands its wishes on, tells why."""
