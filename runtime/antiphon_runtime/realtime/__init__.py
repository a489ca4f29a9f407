"""The OpenAI Realtime (GA) protocol without I/O: events in, events and actions out. Clocks and ids are passed in."""
