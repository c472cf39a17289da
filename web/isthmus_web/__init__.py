"""The web interface of a router with Isthmus: a small, calm view of what isthmusd knows, for whoever administers it.

    browser --TLS--> isthmus-web (own user, no rights) --control socket--> isthmusd (users, roles, sessions, truth)

    start.py (root: sockets, user) --exec--> serve.py (isthmus-web: key, server, pages)
    web.py, tls.py, listen.py   the server: waitress, with TLS, deadlines and bounds of our own
    app.py, gate.py             Flask; what is refused ahead of every page, and the headers behind every one
    link.py, jobs.py            calls to isthmusd: short ones at once, those that hash a password beside the pages
    visit.py                    who asks: cookies, session, language
    pages/                      one file a page; overview.py and drawing.py turn `status` into words and a picture
    api/                        the same as JSON, for programs; docs/API.md
    words.py, languages/        English in the sources, other languages as gettext's .po, read at the start

Nothing is decided here: roles, step-up, passwords, throttling and sessions are isthmusd's (firmware/isthmus/users).
This process holds no secret but its own TLS key; a session's token is in the browser's cookie and passes through.

Why waitress (2026-11-23, CPython 3.11, x86-64, TLS on, four threads, the same Flask page, median of five runs each):
32.7 MB resident when idle, cheroot 34.5 MB; after 80 requests by four clients at once 33.4 and 35.2 MB; equally quick.
What decides is slow clients: waitress reads all connections in one loop and gives a thread only to a whole request,
while cheroot does the TLS handshake in the thread that accepts, so that one silent client stops the server, and reads
in its few worker threads. waitress speaks no TLS: tls.py adds it.
"""

__all__: list[str] = []
