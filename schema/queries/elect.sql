-- Begin or prolong a term as leader, if nobody else holds one.
-- Caller: Store.elect.
-- Takes:  $1 node id, $2 seconds of the term.
-- Locks:  the one row of leader. A node whose own lease has run out is not elected.
-- Rows:   one: the term's number, whether the asker holds it, and the seconds left of it.
WITH won AS (
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
    AND EXISTS (
        SELECT FROM node
        WHERE node.id = $1::bigint AND node.ended_at IS NULL AND node.expires_at > clock_timestamp()
    )
    RETURNING leader.term
)
SELECT won.term AS number, true AS held, $2::double precision AS expires_seconds
FROM won
UNION ALL
SELECT
    leader.term, false,
    -- Before 17, an infinite time cannot be subtracted from.
    extract(epoch FROM greatest(leader.expires_at, now()) - now())::double precision
FROM leader
WHERE NOT EXISTS (SELECT FROM won)
