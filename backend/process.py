"""What the process has from the system: signals, files, and the socket it listens on."""

import errno
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from types import FrameType

if sys.platform != "win32":
    import resource

HANGUP: signal.Signals | None = getattr(signal, "SIGHUP", None)
"""The end of the terminal. Windows has no such signal."""

type SignalHandler = Callable[[int, FrameType | None], object]


class Refusal(Exception):
    """Why a command cannot do its work: one sentence that tells the operator what to do."""


class Stopped(BaseException):
    """A signal has ended the start-up. Threads may still be at work; `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Signals:
    """SIGINT and SIGTERM: they end a start-up, then go to the server, and never end its stopping or the database's.

    The same for SIGHUP, the end of the terminal, unless whoever started us had us ignore it, as nohup does.
    """

    def __init__(self, exit_code: int) -> None:
        """Take them over; a start-up that they end is `Stopped` with `exit_code`."""
        self._exit_code = exit_code
        self._received = False
        self._held = False
        self._handler: SignalHandler | None = None
        self._numbers = [signal.SIGINT, signal.SIGTERM]
        if HANGUP is not None and signal.getsignal(HANGUP) == signal.SIG_DFL:
            self._numbers.append(HANGUP)
        self._take_over()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let them end the start-up before or after what must not be interrupted."""
        self._held = True
        try:
            self._stop_if_received()
            yield
        finally:
            self._held = False
        self._stop_if_received()

    def pass_to(self, handler: SignalHandler) -> None:
        """The start-up is over: from now on they are for `handler`."""
        self._handler = handler
        self._take_over()

    def ignore(self) -> None:
        """All is done: let none of them spoil the exit code while the interpreter ends."""
        for number in self._numbers:
            signal.signal(number, signal.SIG_IGN)

    def _take_over(self) -> None:
        for number in self._numbers:
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._handler is not None:
            self._handler(number, frame)
            return
        again, self._received = self._received, True
        if not again and not self._held:
            self._stop_if_received()

    def _stop_if_received(self) -> None:
        # A second time, because C code, such as that of an import, has swallowed the first.
        if self._received:
            raise Stopped(self._exit_code)


def in_background[T](work: Callable[[], T]) -> Future[T]:
    """Do `work` in a thread that does not keep the process from ending.

    For the main thread to wait: a signal ends its waiting, whereas C code that it runs would swallow the exception.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - the one who waits gets it
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def raise_file_limit() -> None:
    """Have as many files and connections as this user may: the usual 1,024 are too few for 1,000 clients.

    Programs that we start have as many.
    """
    if sys.platform == "win32":
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS says "infinity" and refuses it
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def file_limit() -> int:
    """How many files and connections this process may have open."""
    if sys.platform == "win32":
        return sys.maxsize
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens already: whoever connects from now on is answered as soon as we can.

    Raises `Refusal` when the address cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        raise Refusal(_why_not(host, port, error)) from error
    with listener:
        yield listener


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is already in use: stop the other program or set PORT to another number"
    if error.errno in {errno.EACCES, errno.EPERM}:
        return f"Port {port} is not for ordinary users: set PORT to a number from 1024"
    return (
        f"The address {host} cannot be listened on ({error.strerror}):"
        " set HOST to an address of this machine, such as 127.0.0.1, or to 0.0.0.0 for all of them"
    )
