"""One encrypted file with all that makes a site: configuration, keys, who it is to its pairs, users.

    file.py        the file: header, encryption under a passphrase; wrong, damaged, cut, newer: told apart
    archive.py     what is in it
    collect.py     reading all of it, of one moment
    exchange.py    putting it in the place of what is there, whole or not at all
    words.py       what an administrator should know before

Pure, like config/: system calls and scrypt's result come in. backups.py, beside us, gives clock, threads and site.
"""
