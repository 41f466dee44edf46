"""The bundled text-to-SQL model: an encoder that reads question and schema, a small decoder that points at them.

A question's way through it: `words` and `view` (what there is to point at) -> `features` (what the encoder reads) ->
`network` -> `search` (beams under the mask of `grammar`) -> `query` (a tree) -> `tidy` -> `render` (SQL by dialect).
Nothing it says is spelled letter by letter, so it names no table that is not there.
"""
