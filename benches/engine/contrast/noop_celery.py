"""The same jobs that do nothing, on Celery, with results in Redis.

`python -m celery -A noop_celery worker` works; `python noop_celery.py JOBS RATE` sends JOBS jobs, one a call, and prints
{"seconds", "start_ms"} when the results of all of them are stored; RATE 0: as fast as it is answered. The Redis is in
REDIS_URL; a database of it that nobody else uses.
"""

import json
import os
import sys
import time

import redis
from celery import Celery

URL = os.environ["REDIS_URL"]
RESULTS = "celery-task-meta-*"

app = Celery("noop", broker=URL, backend=URL)
app.conf.update(worker_prefetch_multiplier=64, task_acks_late=True, broker_connection_retry_on_startup=True)


@app.task(name="noop")
def noop(accepted):
    return (time.time() - accepted) * 1000


def main():
    jobs, rate = int(sys.argv[1]), float(sys.argv[2])
    store = redis.Redis.from_url(URL)
    count = lambda: sum(1 for _ in store.scan_iter(RESULTS, count=10000))
    noop.delay(time.time()).get(timeout=60)
    before, began = count(), time.time()
    due = began
    for _ in range(jobs):
        if rate > 0:
            due += 1 / rate
            time.sleep(max(0.0, due - time.time()))
        noop.delay(time.time())
    while count() < before + jobs:
        time.sleep(0.05)
    seconds = time.time() - began
    waits = [json.loads(value)["result"] for value in store.mget(list(store.scan_iter(RESULTS, count=10000)))]
    print(json.dumps({"seconds": seconds, "start_ms": waits}))


if __name__ == "__main__":
    main()
