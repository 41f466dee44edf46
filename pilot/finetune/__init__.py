"""Own your model: examples from approved answers, fine-tuning, the exam, release. Each script reads top to bottom and
runs as a process of its own: `python -m pilot.finetune --help`.
"""
