"""The web interface as people meet it: Debian's chromium before two real routers, which live in the lab.

    stage.py             in the lab: two fresh routers with isthmusd and isthmus-web, and orders that come from outside
    routers.py           outside: starts the lab, gives the orders
    test_two_routers.py  the story, in a browser; pictures of every step in build/web-shots
"""
