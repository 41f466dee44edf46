"""The one place that turns a task into messages: used by serving and by fine-tuning alike."""
