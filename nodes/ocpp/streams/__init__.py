"""OCPP over Redis Streams: the only place with stream commands. ``keys`` names every key, ``flow_side`` is what the nodes do,
``gateway_side`` what the stations' gateway does."""
