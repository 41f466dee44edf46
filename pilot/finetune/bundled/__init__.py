"""How the bundled text-to-SQL model is made and measured: examples -> train -> package -> rank -> calibrate ->
evaluate.

    python -m pilot.finetune.bundled train --data DIR --run DIR
    python -m pilot.finetune.bundled package --run DIR --model DIR
    python -m pilot.finetune.bundled rank --data DIR --model DIR
    python -m pilot.finetune.bundled variants --data DIR --out SETS
    python -m pilot.finetune.bundled calibrate --sets SETS --model DIR
    python -m pilot.finetune.bundled evaluate --questions SETS/plain.jsonl --databases SETS/databases --model DIR

`entities.txt`, `domains` and `questions` make the generated examples, `corpora` reads the public ones, `from_sql` turns
their SQL into the model's own trees, `renaming` and `unanswerable` vary both; `thesaurus` makes the list of synonyms
that questions are read with.
"""
