package postgres

// citusStub is what of Citus a distribution calls, on one plain server: each
// call is noted, and the tables are marked as Citus marks them. Rows stay where
// they are. What stands in wrongs goes wrong.
const citusStub = `
CREATE TABLE calls (n bigserial, call text);
CREATE TABLE wrongs (wrong text);
CREATE TABLE pg_dist_partition (logicalrelid regclass, partmethod "char", colocationid int);
CREATE TABLE pg_dist_node (nodeid serial, groupid int, nodename text, nodeport int, noderole text DEFAULT 'primary', shouldhaveshards boolean);

CREATE FUNCTION create_distributed_table(relation regclass, col text, shard_count int DEFAULT NULL, colocate_with text DEFAULT 'default') RETURNS void LANGUAGE plpgsql AS $$
DECLARE colocation int := 7;
BEGIN
  INSERT INTO calls (call) VALUES ('distribute ' || relation || ' ' || col || ' ' || coalesce(shard_count::text, '-') || ' ' || colocate_with);
  IF NOT EXISTS (SELECT 1 FROM pg_locks l WHERE l.locktype = 'relation' AND l.relation = 'buckets'::regclass AND l.mode = 'AccessExclusiveLock' AND l.pid = pg_backend_pid())
    AND NOT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = 'buckets'::regclass) THEN
    RAISE EXCEPTION 'the fence is not locked';
  END IF;
  IF EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = create_distributed_table.relation) THEN
    RAISE EXCEPTION 'table "%" is already distributed', relation;
  END IF;
  IF NOT EXISTS (SELECT 1 FROM pg_dist_node WHERE shouldhaveshards) THEN
    RAISE EXCEPTION 'replication_factor (1) exceeds number of worker nodes (0)';
  END IF;
  IF colocate_with NOT IN ('none', 'default') AND NOT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = colocate_with::regclass) THEN
    RAISE EXCEPTION 'relation % is not distributed', colocate_with;
  END IF;
  IF EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = relation::oid AND i.indisunique
    AND NOT (SELECT attnum FROM pg_attribute WHERE attrelid = i.indrelid AND attname = col) = ANY (i.indkey)) THEN
    RAISE EXCEPTION 'creating unique indexes on non-partition columns is currently unsupported' USING ERRCODE = '0A000';
  END IF;
  IF EXISTS (SELECT 1 FROM wrongs WHERE wrong = 'lose ' || relation) THEN
    EXECUTE 'DELETE FROM ' || relation || ' WHERE ctid IN (SELECT ctid FROM ' || relation || ' LIMIT 1)';
  END IF;
  IF EXISTS (SELECT 1 FROM wrongs WHERE wrong = 'apart ' || relation) THEN
    colocation := 8;
  END IF;
  INSERT INTO pg_dist_partition VALUES (relation, 'h', colocation);
END $$;

CREATE FUNCTION truncate_local_data_after_distributing_table(relation regclass) RETURNS void LANGUAGE sql AS
  $$ INSERT INTO calls (call) VALUES ('truncate ' || relation) $$;

CREATE FUNCTION citus_set_coordinator_host(host text, port int) RETURNS void LANGUAGE sql AS $$
  DELETE FROM pg_dist_node WHERE groupid = 0;
  INSERT INTO pg_dist_node (groupid, nodename, nodeport, shouldhaveshards) VALUES (0, host, port, false);
  INSERT INTO calls (call) VALUES ('coordinator ' || host || ' ' || port) $$;

CREATE FUNCTION citus_add_node(host text, port int) RETURNS int LANGUAGE sql AS $$
  INSERT INTO pg_dist_node (groupid, nodename, nodeport, shouldhaveshards) VALUES ((SELECT count(*) FROM pg_dist_node), host, port, true);
  INSERT INTO calls (call) VALUES ('node ' || host || ' ' || port);
  SELECT 1 $$;

CREATE FUNCTION citus_set_node_property(host text, port int, property text, value boolean) RETURNS void LANGUAGE sql AS $$
  UPDATE pg_dist_node SET shouldhaveshards = value WHERE nodename = host AND nodeport = port;
  INSERT INTO calls (call) VALUES ('property ' || property || ' of ' || port) $$;

CREATE FUNCTION run_command_on_all_nodes(command text, OUT nodeid int, OUT success boolean, OUT result text) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
  FOR nodeid IN SELECT n.nodeid FROM pg_dist_node n LOOP
    success := true;
    EXECUTE command INTO result;
    IF NOT EXISTS (SELECT 1 FROM wrongs WHERE wrong = 'unprepared') THEN
      result := '200 logical 100';
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;
`
