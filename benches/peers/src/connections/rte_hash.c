/* What the benchmark asks of DPDK's hash table, in a few plain functions. */

#include <stdint.h>

#include <rte_hash.h>
#include <rte_lcore.h>
#include <rte_prefetch.h>

/* As the bytes are in a packet; 16 of them, which DPDK compares at once. */
struct peer_key {
	uint32_t src, dst;
	uint16_t src_port, dst_port;
	uint8_t protocol, padding[3];
};

/* What is known of a connection: one cache line. */
struct peer_record {
	uint64_t packets, seen, others[6];
};

_Static_assert(sizeof(struct peer_key) == 16, "DPDK has a comparison of its own for 16 bytes");

/* The hash function is DPDK's choice: CRC-32 where the processor has an instruction for it. */
struct rte_hash *peer_hash_create(uint32_t entries)
{
	const struct rte_hash_parameters parameters = { .name = "connections", .entries = entries,
		.key_len = sizeof(struct peer_key), .socket_id = (int)rte_socket_id() };

	return rte_hash_create(&parameters);
}

/* How many of the keys went in. */
uint32_t peer_hash_add(const struct rte_hash *hash, const struct peer_key *keys, uint32_t count)
{
	uint32_t added = 0;

	for (uint32_t i = 0; i < count; i++)
		added += rte_hash_add_key(hash, &keys[i]) >= 0;
	return added;
}

/* How many of the keys are there, one at a time. */
uint32_t peer_hash_find(const struct rte_hash *hash, const struct peer_key *keys, uint32_t count)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < count; i++)
		found += rte_hash_lookup(hash, &keys[i]) >= 0;
	return found;
}

/* The same, all at once; at most 64. */
uint32_t peer_hash_find_bulk(const struct rte_hash *hash, const struct peer_key *keys,
	uint32_t count)
{
	const void *pointers[RTE_HASH_LOOKUP_BULK_MAX];
	int32_t places[RTE_HASH_LOOKUP_BULK_MAX];
	uint32_t found = 0;

	for (uint32_t i = 0; i < count; i++)
		pointers[i] = &keys[i];
	rte_hash_lookup_bulk(hash, pointers, count, places);
	for (uint32_t i = 0; i < count; i++)
		found += places[i] >= 0;
	return found;
}

/* The same, and a write to the record of each key. */
uint32_t peer_hash_touch_bulk(const struct rte_hash *hash, const struct peer_key *keys,
	uint32_t count, struct peer_record *records, uint64_t now)
{
	const void *pointers[RTE_HASH_LOOKUP_BULK_MAX];
	int32_t places[RTE_HASH_LOOKUP_BULK_MAX];
	uint32_t found = 0;

	for (uint32_t i = 0; i < count; i++)
		pointers[i] = &keys[i];
	rte_hash_lookup_bulk(hash, pointers, count, places);
	for (uint32_t i = 0; i < count; i++)
		if (places[i] >= 0)
			rte_prefetch0(&records[places[i]]);
	for (uint32_t i = 0; i < count; i++) {
		if (places[i] < 0)
			continue;
		found++;
		records[places[i]].packets++;
		records[places[i]].seen = now;
	}
	return found;
}

void peer_hash_free(struct rte_hash *hash)
{
	rte_hash_free(hash);
}
