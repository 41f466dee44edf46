-- A library as the first version of its file was: two documents of one name.
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS spaces (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,
    created_at TEXT NOT NULL, embedder TEXT NOT NULL DEFAULT '', dimension INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS documents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, space INTEGER NOT NULL REFERENCES spaces(seq),
    name TEXT NOT NULL, digest TEXT NOT NULL, bytes INTEGER NOT NULL, state TEXT NOT NULL, added_at TEXT NOT NULL,
    problem TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', remedy TEXT NOT NULL DEFAULT '',
    pages INTEGER NOT NULL DEFAULT 0, chunks INTEGER NOT NULL DEFAULT 0, UNIQUE (space, digest));
CREATE TABLE IF NOT EXISTS chunks (
    id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents(seq), number INTEGER NOT NULL,
    page INTEGER, section TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, text TEXT NOT NULL,
    vector BLOB NOT NULL, UNIQUE (document, number));
CREATE VIRTUAL TABLE IF NOT EXISTS terms USING fts5(context, text, content='', tokenize='porter unicode61 remove_diacritics 2');
-- documents (or with '' whole spaces) whose vectors may not be what this file says, until the vector store has followed
CREATE TABLE IF NOT EXISTS leftovers (
    space TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (space, document)) WITHOUT ROWID;
INSERT INTO spaces (id, name, created_at) VALUES ('s1', 'HR', '2026-11-01T10:00:00+00:00');
INSERT INTO documents (id, space, name, digest, bytes, state, added_at) VALUES
    ('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, 'handbook.md', 'd1', 9, 'ready', '2026-11-01T10:00:00+00:00'),
    ('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 1, 'handbook.md', 'd2', 9, 'indexing', '2026-11-01T10:00:00+00:00');
INSERT INTO chunks (document, number, section, start, stop, text, vector) VALUES (1, 0, '', 0, 3, 'old', x'00000000');
INSERT INTO terms (rowid, context, text) VALUES (1, 's1xhandbook', 's1xold');
INSERT INTO leftovers VALUES ('s1', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb');
