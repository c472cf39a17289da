"""A subset of CPython's logging for MicroPython: named loggers, levels, handlers that write text to a stream.

Offered: getLogger, Logger, Handler, NullHandler, StreamHandler, Formatter (%-style), LogRecord, basicConfig, disable,
getLevelName, the levels, and the module's own debug() to exception(). Not offered: configuration files, filters,
adapters, `extra`, other formatting styles, handlers that rotate or send.
"""

import io
import sys
import time

CRITICAL = 50
ERROR = 40
WARNING = 30
INFO = 20
DEBUG = 10
NOTSET = 0

LEVEL_NAMES = (
    (CRITICAL, "CRITICAL"),
    (ERROR, "ERROR"),
    (WARNING, "WARNING"),
    (INFO, "INFO"),
    (DEBUG, "DEBUG"),
    (NOTSET, "NOTSET"),
)

BASIC_FORMAT = "%(levelname)s:%(name)s:%(message)s"

_state = {"disabled": -1}


def getLevelName(level):
    """The name of a level's number; for a name, its number; else "Level N"."""
    for number, name in LEVEL_NAMES:
        if level == number:
            return name
        if level == name:
            return number
    return "Level %s" % level


def _level_number(level):
    if isinstance(level, int):
        return level
    number = getLevelName(level)
    if not isinstance(number, int):
        raise ValueError("Unknown level: %r" % level)
    return number


class LogRecord:
    """One event. `msg` and `args` are joined by getMessage(), only if a handler wants the text."""

    def __init__(self, name, level, pathname, lineno, msg, args, exc_info):
        self.name = name
        self.levelno = level
        self.levelname = getLevelName(level)
        self.pathname = pathname
        self.lineno = lineno
        self.msg = msg
        self.args = args
        self.exc_info = exc_info
        self.created = time.time()

    def getMessage(self):
        return str(self.msg) % self.args if self.args else str(self.msg)


class Formatter:
    """Makes the line: %(message)s, %(name)s, %(levelname)s, %(levelno)d, %(asctime)s and %(created)f."""

    def __init__(self, fmt=None, datefmt=None, style="%"):
        if style != "%":
            raise ValueError("style %r: only %% is offered" % style)
        if datefmt is not None:
            raise ValueError("datefmt is not offered")
        self._fmt = fmt or "%(message)s"

    def formatTime(self, record):
        """ISO 8601 with milliseconds after a comma, local time, as CPython's default."""
        whole = int(record.created)
        date = time.localtime(whole)[:6]
        return "%04d-%02d-%02d %02d:%02d:%02d" % tuple(date) + ",%03d" % int((record.created - whole) * 1000)

    def formatException(self, error):
        """The traceback of an exception, without the last line end."""
        text = io.StringIO()
        if hasattr(sys, "print_exception"):
            sys.print_exception(error, text)
        else:
            import traceback  # CPython only

            traceback.print_exception(type(error), error, error.__traceback__, None, text)
        return text.getvalue().rstrip("\n")

    def format(self, record):
        values = {
            "message": record.getMessage(),
            "name": record.name,
            "levelname": record.levelname,
            "levelno": record.levelno,
            "created": record.created,
        }
        if "%(asctime)" in self._fmt:
            values["asctime"] = self.formatTime(record)
        line = self._fmt % values
        if record.exc_info is not None:
            line += "\n" + self.formatException(record.exc_info)
        return line


class Handler:
    """Takes records of at least its level; a subclass has emit(record)."""

    def __init__(self, level=NOTSET):
        self.level = _level_number(level)
        self.formatter = None

    def setLevel(self, level):
        self.level = _level_number(level)

    def setFormatter(self, fmt):
        self.formatter = fmt

    def format(self, record):
        return (self.formatter or _default_formatter).format(record)

    def handle(self, record):
        self.emit(record)

    def emit(self, record):
        raise NotImplementedError("emit must be implemented by Handler subclasses")

    def flush(self):
        pass

    def close(self):
        pass


class NullHandler(Handler):
    """Drops everything."""

    def emit(self, record):
        pass


class StreamHandler(Handler):
    """Writes a line per record to a stream, sys.stderr unless given."""

    terminator = "\n"

    def __init__(self, stream=None):
        super().__init__()
        self.stream = sys.stderr if stream is None else stream

    def emit(self, record):
        self.stream.write(self.format(record) + self.terminator)


class Logger:
    """A named place to log to. A dotted name's records also go to the handlers of the names before each dot."""

    def __init__(self, name, level=NOTSET):
        self.name = name
        self.level = _level_number(level)
        self.parent = None
        self.propagate = True
        self.handlers = []
        self.disabled = False

    def setLevel(self, level):
        self.level = _level_number(level)

    def getEffectiveLevel(self):
        logger = self
        while logger is not None:
            if logger.level:
                return logger.level
            logger = logger.parent
        return NOTSET

    def isEnabledFor(self, level):
        return not self.disabled and level > _state["disabled"] and level >= self.getEffectiveLevel()

    def addHandler(self, hdlr):
        if hdlr not in self.handlers:
            self.handlers.append(hdlr)

    def removeHandler(self, hdlr):
        if hdlr in self.handlers:
            self.handlers.remove(hdlr)

    def hasHandlers(self):
        logger = self
        while logger is not None:
            if logger.handlers:
                return True
            logger = logger.parent if logger.propagate else None
        return False

    def handle(self, record):
        """Give the record to every handler that is to have it; with none at all, warnings go to sys.stderr."""
        logger = self
        found = False
        while logger is not None:
            for handler in logger.handlers:
                found = True
                if record.levelno >= handler.level:
                    handler.handle(record)
            logger = logger.parent if logger.propagate else None
        if not found and record.levelno >= WARNING:
            sys.stderr.write(_default_formatter.format(record) + "\n")

    def log(self, level, msg, *args, exc_info=None):
        if self.isEnabledFor(level):
            self.handle(LogRecord(self.name, level, "", 0, msg, args, exc_info or None))

    def debug(self, msg, *args, exc_info=None):
        self.log(DEBUG, msg, *args, exc_info=exc_info)

    def info(self, msg, *args, exc_info=None):
        self.log(INFO, msg, *args, exc_info=exc_info)

    def warning(self, msg, *args, exc_info=None):
        self.log(WARNING, msg, *args, exc_info=exc_info)

    def error(self, msg, *args, exc_info=None):
        self.log(ERROR, msg, *args, exc_info=exc_info)

    def critical(self, msg, *args, exc_info=None):
        self.log(CRITICAL, msg, *args, exc_info=exc_info)

    def exception(self, msg, *args, exc_info):
        """As error(); here the exception must be given, since MicroPython does not know the one being handled."""
        self.log(ERROR, msg, *args, exc_info=exc_info)


_default_formatter = Formatter()
root = Logger("root", WARNING)
_loggers = {}


def getLogger(name=None):
    """The logger of this name, always the same object; without a name the root."""
    if not name or name == "root":
        return root
    if name not in _loggers:
        logger = Logger(name)
        logger.parent = _parent_of(name)
        _loggers[name] = logger
        # Loggers made earlier whose names begin with this one now have a nearer parent.
        for other in _loggers.values():
            if other is not logger and other.name[: len(name) + 1] == name + ".":
                other.parent = _parent_of(other.name)
    return _loggers[name]


def _parent_of(name):
    dot = name.rfind(".")
    while dot > 0:
        name = name[:dot]
        if name in _loggers:
            return _loggers[name]
        dot = name.rfind(".")
    return root


def basicConfig(stream=None, level=None, format=None, handlers=None, force=False):
    """Give the root a handler, unless it has one (then nothing happens, without `force`)."""
    if force:
        root.handlers = []
    if not root.handlers:
        for handler in handlers or [StreamHandler(stream)]:
            if handler.formatter is None:
                handler.setFormatter(Formatter(format or BASIC_FORMAT))
            root.addHandler(handler)
        if level is not None:
            root.setLevel(level)


def disable(level=CRITICAL):
    """Drop every record of this level and below, whatever the loggers say."""
    _state["disabled"] = _level_number(level) if level else -1


def log(level, msg, *args, exc_info=None):
    root.log(level, msg, *args, exc_info=exc_info)


def debug(msg, *args, exc_info=None):
    root.log(DEBUG, msg, *args, exc_info=exc_info)


def info(msg, *args, exc_info=None):
    root.log(INFO, msg, *args, exc_info=exc_info)


def warning(msg, *args, exc_info=None):
    root.log(WARNING, msg, *args, exc_info=exc_info)


def error(msg, *args, exc_info=None):
    root.log(ERROR, msg, *args, exc_info=exc_info)


def critical(msg, *args, exc_info=None):
    root.log(CRITICAL, msg, *args, exc_info=exc_info)
