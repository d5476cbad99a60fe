-- Signs of life of the nodes on this store.

CREATE TABLE nodes (
  node    TEXT PRIMARY KEY,
  seen_at INTEGER NOT NULL,
  told_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
