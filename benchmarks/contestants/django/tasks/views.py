"""The operations on one user's own tasks."""

from django.db import transaction
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.response import Response
from rest_framework.serializers import BooleanField

from tasks.models import Task
from tasks.serializers import CompletionSerializer, TaskSerializer


class PreconditionFailed(APIException):
    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_detail = "The task has changed"


class TaskViewSet(viewsets.GenericViewSet):
    serializer_class = TaskSerializer
    lookup_value_converter = "uuid"

    def get_queryset(self):
        tasks = Task.objects.filter(user_id=self.request.user.id)
        return tasks.select_for_update() if self.request.method == "PATCH" else tasks

    def filter_queryset(self, queryset):
        completed = self.request.query_params.get("completed")
        return queryset if completed is None else queryset.filter(completed=BooleanField().run_validation(completed))

    def list(self, request):
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request, pk):
        return self._answer(self.get_serializer(self.get_object()))

    def create(self, request):
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        task = serializer.save(user_id=request.user.id)
        return self._answer(serializer, status.HTTP_201_CREATED, Location=f"{request.path}/{task.id}")

    def partial_update(self, request, pk):
        return self._change(request.data)

    @action(detail=True, methods=["patch"])
    def complete(self, request, pk):
        completion = CompletionSerializer(data=request.data)
        completion.is_valid(raise_exception=True)
        return self._change(completion.validated_data)

    @transaction.atomic
    def _change(self, data):
        task = self.get_object()
        expected = self.request.headers.get("If-Match")
        if expected not in (None, "*", f'"{task.version}"'):
            raise PreconditionFailed
        serializer = self.get_serializer(task, data=data, partial=True)
        serializer.is_valid(raise_exception=True)
        serializer.save()
        return self._answer(serializer)

    def _answer(self, serializer, code=status.HTTP_200_OK, **headers):
        return Response(serializer.data, code, headers={"ETag": f'"{serializer.instance.version}"', **headers})
