"""Users and sessions, sans-IO: who may ask isthmusd for what. accounts.py, beside us, gives files, clock, threads.

    browser -> isthmus-web (own user) -> control.sock -> what call is it? (edge/calls.py: role, step-up)
                                                      -> whose session? (sessions.py) -> its handler

- Root's command line (SO_PEERCRED: uid 0) needs no session. The web process can do nothing but ask whether there are
  users (`hello`), log in and set the first password; all else takes the token of a session. Others are hung up on.
- The first password is set by root (`isthmus user add`), or in the web interface with a one-time code that root is
  shown (`isthmus user code`): 80 bits, 10 minutes, used once, void after a restart, and only while there is no user.
  Whoever merely reaches the web page first can claim nothing.
- Passwords are kept as scrypt (RFC 7914), each with its own salt and parameters (book.py); weaker parameters than
  today's are replaced at the next login. scrypt runs beside the loop, one at a time: 16 MiB, and no packet waits.
- A name that nobody has costs the same scrypt, the same waiting and the same words as a wrong password.
- Tokens are 256 random bits; only their SHA-256 is kept, in memory. A session ends after 15 minutes without use, 12
  hours in all, at logout, and when its user's password or role changes, or the user goes (sessions.py).
- Step-up: a fresh password for one session, good for 3 minutes, for the calls that can open something. A login is none.

Throttling (throttle.py, queue.py), so that guesses are few and no attacker keeps the administrator out for long:

1. A browser that has logged in before holds a device mark (marks.py). With it a login waits for nobody's failures but
   its own: an attacker, who has no mark, cannot use up that lane. A mark proves nothing else.
2. Without one: per user 10 at once and then 10 a minute, in all 20 at once and then 20 a minute. Those who wait are
   taken in order of how often their address has failed, never failed first: a new browser gets ahead of whoever
   guesses, as soon as each of the guesser's addresses has failed once, and unless they share one.
3. An address that has failed 5 times waits 1, 2, 4 ... at most 60 s. Nothing is ever locked, all is forgotten, but a
   good login does not forgive its address: whoever has a password could guess another between logins.
4. Root's command line is never throttled: over SSH or the serial port it is the way back in.

Everything is bounded: users, sessions (in a full table those who administer are pushed out last), waiting logins,
passwords that wait for one user or for all of them (each holds a connection of the web interface), addresses; buckets
per user are a fixed number, found by a keyed hash of the name, so that a name without a user is throttled as one with.
"""
