"""The program in the pod: sockets, sessions, control, and how all of it is put together."""
