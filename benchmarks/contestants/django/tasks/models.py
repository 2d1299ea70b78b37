"""The task. Its table is the one that all peers share."""

from django.db import models
from uuid6 import uuid7


class Task(models.Model):
    class Priority(models.TextChoices):
        NONE = "none"
        LOW = "low"
        MEDIUM = "medium"
        HIGH = "high"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user_id = models.UUIDField(editable=False)
    version = models.IntegerField(default=1, editable=False)
    title = models.CharField(max_length=255)
    description = models.TextField(null=True)
    completed = models.BooleanField(default=False)
    completed_at = models.DateTimeField(null=True, editable=False)
    priority = models.TextField(choices=Priority, default=Priority.NONE)
    due_date = models.DateField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "tasks"
        managed = False
