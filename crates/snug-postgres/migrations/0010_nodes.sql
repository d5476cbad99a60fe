-- Signs of life of the nodes on this database.

CREATE TABLE nodes (
    node    text COLLATE "C" PRIMARY KEY,
    seen_at bigint NOT NULL,
    told_at bigint NOT NULL
);
