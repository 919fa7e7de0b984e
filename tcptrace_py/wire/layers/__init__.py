"""One small function for each header that the fast path leaves, found through tables by number.

``walk`` has the tables and what is known of a frame while its headers are read; each other module
is a family of headers and puts its functions into the tables. ``wire.by_dpkt`` calls them in turn.
"""

from __future__ import annotations
