-- Messages whose words the customer's backend keeps.

ALTER TABLE messages ADD COLUMN external text COLLATE "C";
CREATE INDEX messages_by_external ON messages (app, room, external) WHERE external IS NOT NULL;
