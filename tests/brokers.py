"""A broker that does not do its work."""

import socket
import threading


class MuteBroker:
    """Accepts every connection, counts it, and never says a word."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"redis://127.0.0.1:{self.listener.getsockname()[1]}/0"
        self.open: list[socket.socket] = []
        self.came = threading.Condition()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            with self.came:
                self.open.append(connection)
                self.came.notify_all()

    @property
    def count(self) -> int:
        """How often somebody connected; one more connection, behind them all, is the proof that all were counted."""
        with socket.create_connection(self.listener.getsockname()) as last, self.came:
            own = last.getsockname()
            self.came.wait_for(lambda: any(connection.getpeername() == own for connection in self.open))
            self.open.pop().close()
            return len(self.open)

    def close(self) -> None:
        if self.listener.fileno() < 0:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.open:
            connection.close()
