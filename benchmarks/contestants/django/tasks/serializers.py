"""What goes in and out."""

from django.utils import timezone
from rest_framework import serializers

from tasks.models import Task


class StrictSerializer(serializers.Serializer):
    """Refuses fields that it does not know."""

    def to_internal_value(self, data):
        if isinstance(data, dict):
            writable = {name for name, field in self.fields.items() if not field.read_only}
            if unknown := data.keys() - writable:
                raise serializers.ValidationError(dict.fromkeys(unknown, "Unknown field."))
        return super().to_internal_value(data)


class TaskSerializer(StrictSerializer, serializers.ModelSerializer):
    class Meta:
        model = Task
        fields = [
            "id", "user_id", "version", "title", "description", "completed", "completed_at", "priority", "due_date",
            "created_at", "updated_at",
        ]  # fmt: skip
        extra_kwargs = {"description": {"trim_whitespace": False, "allow_blank": True, "required": False}}

    def update(self, instance, validated_data):
        completed = validated_data.get("completed", instance.completed)
        if completed != instance.completed:
            instance.completed_at = timezone.now() if completed else None
        instance.version += 1
        return super().update(instance, validated_data)


class CompletionSerializer(StrictSerializer):
    completed = serializers.BooleanField(default=True)
