"""As gunicorn's documentation deploys a threaded application; the access log has the duration at its end."""

import os

bind = f"{os.environ['HOST']}:{os.environ['PORT']}"
worker_class = "gthread"
threads = 8
keepalive = 75
accesslog = "-"
access_log_format = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s %(D)s'
