"""Django REST framework: a model, a serializer, a view set, its own cursor pagination.

    python -m gunicorn wsgi:application

gunicorn.conf.py says how it is deployed and reads HOST and PORT; gunicorn reads WEB_CONCURRENCY itself; settings.py
reads DATABASE_URL and JWT_SECRET.
"""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
application = get_wsgi_application()
