"""Messages of rtnetlink (linux/rtnetlink.h), with the attributes that Isthmus uses."""
from __future__ import annotations
