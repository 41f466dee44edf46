#!/bin/bash
# Run once by the mysql image on an empty volume: the account that Pilot uses may read, and nothing else.
set -eu
MYSQL_PWD="$MYSQL_ROOT_PASSWORD" mysql --user=root <<SQL
CREATE USER '${READER_USER}'@'%' IDENTIFIED BY '${READER_PASSWORD//\'/\'\'}';
GRANT SELECT, SHOW VIEW ON \`${MYSQL_DATABASE}\`.* TO '${READER_USER}'@'%';
SQL
