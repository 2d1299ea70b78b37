#!/bin/sh
# gunicorn.conf.py, beside the application, has the rest.
cd "$(dirname "$0")" && exec python -m gunicorn wsgi:application
