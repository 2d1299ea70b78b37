"""REST framework's cursor pagination, with the next page's address in the Link header."""

from django.utils.dateparse import parse_datetime
from rest_framework.pagination import CursorPagination
from rest_framework.response import Response
from rest_framework.serializers import IntegerField, ValidationError


class TaskPagination(CursorPagination):
    ordering = ("-created_at", "-id")
    limit = IntegerField(min_value=1, max_value=200)

    def get_page_size(self, request):
        return self.limit.run_validation(request.query_params.get("limit", 50))

    def decode_cursor(self, request):
        cursor = super().decode_cursor(request)
        if cursor is not None:
            # What decodes need not be a position: the database would find out, and answer 500.
            try:
                known = cursor.offset if cursor.position is None else parse_datetime(cursor.position)
            except ValueError:
                known = None
            if not known:
                raise ValidationError({"cursor": self.invalid_cursor_message})
        return cursor

    def get_paginated_response(self, data):
        following = self.get_next_link()
        return Response(data, headers={"Link": f'<{following}>; rel="next"'} if following else {})
