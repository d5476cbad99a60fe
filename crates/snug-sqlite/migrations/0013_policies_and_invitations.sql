-- Who may do what in a room, where it is otherwise than the table in the program says: a JSON
-- object of operation to least role.

ALTER TABLE rooms ADD COLUMN policy TEXT;
