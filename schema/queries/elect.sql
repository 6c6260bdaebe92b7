-- Begin or prolong a term as leader, if nobody else holds one.
-- Caller: Store.elect.
-- Takes:  $1 node id, $2 seconds of the term.
-- Locks:  the one row of leader. A node whose own lease has run out is not elected.
-- Rule:   a row that somebody has deleted is made anew. Nobody knows the term that it had, and a leader
--         of that time may still ask: the new one is the clock's milliseconds, which no count of terms
--         comes to, and which grow from one such row to the next.
-- Rows:   one: the term's number, whether the asker holds it, and the seconds left of it.
WITH able AS MATERIALIZED (
    SELECT EXISTS (
        SELECT FROM node
        WHERE node.id = $1::bigint AND node.ended_at IS NULL AND node.expires_at > clock_timestamp()
    ) AS yes
), won AS (
    UPDATE leader
    SET term = leader.term + CASE
            WHEN leader.node_id = $1::bigint AND leader.expires_at > clock_timestamp() THEN 0 ELSE 1
        END,
        elected_at = CASE
            WHEN leader.node_id = $1::bigint AND leader.expires_at > clock_timestamp()
            THEN leader.elected_at ELSE now()
        END,
        node_id = $1::bigint,
        expires_at = clock_timestamp() + make_interval(secs => $2::double precision)
    WHERE (leader.node_id = $1::bigint OR leader.expires_at <= clock_timestamp())
    AND (SELECT able.yes FROM able)
    RETURNING leader.term
), healed AS (
    INSERT INTO leader (name, term, node_id, elected_at, expires_at)
    SELECT
        'default', (extract(epoch FROM clock_timestamp()) * 1000)::bigint, $1::bigint, now(),
        clock_timestamp() + make_interval(secs => $2::double precision)
    FROM able
    WHERE able.yes AND NOT EXISTS (SELECT FROM leader WHERE leader.name = 'default')
    ON CONFLICT (name) DO NOTHING
    RETURNING leader.term
), held AS (
    SELECT won.term FROM won
    UNION ALL
    SELECT healed.term FROM healed
), other AS (
    SELECT leader.term, leader.expires_at FROM leader WHERE leader.name = 'default'
)
SELECT held.term AS number, true AS held, $2::double precision AS expires_seconds
FROM held
UNION ALL
SELECT
    coalesce((SELECT other.term FROM other), 0), false,
    -- Before 17, an infinite time cannot be subtracted from.
    coalesce(
        (
            SELECT extract(epoch FROM greatest(other.expires_at, now()) - now())::double precision
            FROM other
        ),
        0
    )
WHERE NOT EXISTS (SELECT FROM held)
