"""server-ready.py redis|mongo|initiate PORT PID

Waits until the server with that process id answers on that port of this machine.
Exit status: 0 it does, 1 it did not within 30 s, 2 the process has ended.

The process id is compared because a free port may be taken by someone else between being chosen and being used,
and then a ping is answered by the wrong server. `initiate` makes a one-node replica set of a new mongod.
"""

import os
import re
import socket
import sys
import time

PATIENCE = 30.0


def redis_pid(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(b"INFO server\r\n")
        found = re.search(rb"process_id:(\d+)", connection.recv(65536))
        return int(found.group(1)) if found else 0


def mongo_pid(port: int, initiate: bool) -> int:
    from pymongo import MongoClient
    from pymongo.errors import OperationFailure

    with MongoClient("127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=2000) as client:
        pid = int(client.admin.command("serverStatus")["pid"])
        if initiate:
            members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
            try:
                client.admin.command("replSetInitiate", {"_id": "tests", "members": members})
            except OperationFailure as error:
                if error.code != 23:  # AlreadyInitialized: a restart on the same folder
                    raise
        # Until it is the primary of its set it takes no writes.
        elif not client.admin.command("hello").get("isWritablePrimary"):
            return 0
        return pid


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def main() -> int:
    kind, port, pid = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        if not alive(pid):
            return 2
        try:
            answered = redis_pid(port) if kind == "redis" else mongo_pid(port, kind == "initiate")
            if answered == pid:
                return 0
        except Exception:  # noqa: BLE001 - not listening yet, starting up, electing: all mean "not yet"
            pass
        time.sleep(0.1)
    return 1


sys.exit(main())
