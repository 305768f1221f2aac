/* What the benchmark asks of DPDK's packet classifier, in a few plain functions. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <rte_acl.h>
#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>

enum { PROTOCOL, SRC, DST, SRC_PORT, DST_PORT, FIELDS };

/* Numbers in host byte order. */
struct peer_rule {
	uint32_t src, dst;
	uint16_t src_port_first, src_port_last, dst_port_first, dst_port_last;
	uint8_t src_len, dst_len, protocol, protocol_mask;
};

/* Numbers in network byte order. */
struct peer_header {
	uint32_t src, dst;
	uint16_t src_port, dst_port;
	uint8_t protocol, padding[3];
};

/* As many fields as there are; DPDK's own type has none. */
RTE_ACL_RULE_DEF(acl_rule, FIELDS);

enum { HUGE_PAGE = 1 << 21 };

/* What has been allocated, and the aligned part of it that is used. */
static struct block {
	void *start, *used;
	size_t length, wanted;
} blocks[16];

static struct block *find(const void *used);
void *__wrap_rte_zmalloc_socket(const char *type, size_t wanted, unsigned align, int socket);
void __wrap_rte_free(void *used);
void __real_rte_free(void *used);

#define DEF(field, kind, input, member) \
	{ .type = RTE_ACL_FIELD_TYPE_##kind, \
	  .size = sizeof(((struct peer_header *)0)->member), \
	  .field_index = field, .input_index = input, \
	  .offset = offsetof(struct peer_header, member) }

/* The first field has to be of one byte; both ports are read as one word. */
static const struct rte_acl_field_def defs[FIELDS] = {
	DEF(PROTOCOL, BITMASK, 0, protocol),
	DEF(SRC, MASK, 1, src),
	DEF(DST, MASK, 2, dst),
	DEF(SRC_PORT, RANGE, 3, src_port),
	DEF(DST_PORT, RANGE, 3, dst_port),
};

static int huge_pages = 1, touched_pages = 0;

/* Whether allocations from now on are to lie in huge pages. */
int peer_pages(int huge)
{
	huge_pages = huge;
	return 0;
}

/* Whether they are written to at once, so that no later use has to wait for them. */
void peer_touch_pages(int touched)
{
	touched_pages = touched;
}

/* DPDK's own heap is hardly used, see below: no device, no file, no reserved huge pages. */
int peer_start(unsigned core)
{
	char cores[16];
	char *arguments[] = { "peers", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry",
		"--log-level=error", "--force-max-simd-bitwidth=512", "-m", "64", "-l", cores };

	snprintf(cores, sizeof(cores), "%u", core);
	return rte_eal_init(RTE_DIM(arguments), arguments) < 0 ? -rte_errno : 0;
}

static struct acl_rule translated(const struct peer_rule *rule, uint32_t index)
{
	return (struct acl_rule){
		.data = { .category_mask = 1, .priority = RTE_ACL_MAX_PRIORITY - index,
			.userdata = index + 1 },
		.field = {
			[PROTOCOL] = { { .u8 = rule->protocol }, { .u8 = rule->protocol_mask } },
			[SRC] = { { .u32 = rule->src }, { .u32 = rule->src_len } },
			[DST] = { { .u32 = rule->dst }, { .u32 = rule->dst_len } },
			[SRC_PORT] = { { .u16 = rule->src_port_first }, { .u16 = rule->src_port_last } },
			[DST_PORT] = { { .u16 = rule->dst_port_first }, { .u16 = rule->dst_port_last } },
		},
	};
}

/* A context that holds the rules, not built yet; NULL without memory. */
struct rte_acl_ctx *peer_create(const struct peer_rule *rules, uint32_t count)
{
	const struct rte_acl_param parameters = { .name = "peers", .socket_id = SOCKET_ID_ANY,
		.rule_size = RTE_ACL_RULE_SZ(FIELDS), .max_rule_num = count };
	struct rte_acl_ctx *context = rte_acl_create(&parameters);

	for (uint32_t i = 0; context != NULL && i < count; i++) {
		const struct acl_rule rule = translated(&rules[i], i);

		if (rte_acl_add_rules(context, (const struct rte_acl_rule *)&rule, 1) != 0) {
			rte_acl_free(context);
			return NULL;
		}
	}
	return context;
}

/* Without a limit on memory DPDK makes small tries. With one it starts from larger ones, which take
 * many times the memory and the time to build, and are seldom faster. */
int peer_build(struct rte_acl_ctx *context)
{
	struct rte_acl_config config = { .num_categories = 1, .num_fields = FIELDS };

	memcpy(config.defs, defs, sizeof(defs));
	return rte_acl_build(context, &config);
}

/* Bytes that rte_acl has allocated: contexts with their rules, and what lookups read. */
size_t peer_bytes(void)
{
	size_t bytes = 0;

	for (unsigned i = 0; i < RTE_DIM(blocks); i++)
		bytes += blocks[i].wanted;
	return bytes;
}

/* 0 if this build of DPDK and this processor have the algorithm. */
int peer_choose(struct rte_acl_ctx *context, int algorithm)
{
	return rte_acl_set_ctx_classify(context, (enum rte_acl_classify_alg)algorithm);
}

/* All headers in batches. A result is 1 + the index of the rule, or 0. */
void peer_classify(const struct rte_acl_ctx *context, const uint8_t **headers, uint32_t *results,
	uint32_t count, uint32_t batch)
{
	for (uint32_t i = 0; i < count; i += batch)
		rte_acl_classify(context, headers + i, results + i, RTE_MIN(batch, count - i), 1);
}

void peer_free(struct rte_acl_ctx *context)
{
	rte_acl_free(context);
}

/* The linker sends rte_acl's large allocations here instead of to DPDK's heap, so that they get
 * huge pages, which DPDK is meant to run with, without any that have to be reserved beforehand.
 * (Where the kernel's transparent_hugepage is "never" they stay small.) */
void *__wrap_rte_zmalloc_socket(const char *type, size_t wanted, unsigned align, int socket)
{
	const size_t length = RTE_ALIGN_CEIL(wanted, HUGE_PAGE) + HUGE_PAGE;
	struct block *block = find(NULL);
	void *start;

	(void)type, (void)align, (void)socket;
	if (block == NULL)
		return NULL;
	start = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (start == MAP_FAILED)
		return NULL;
	if (huge_pages)
		madvise(start, length, MADV_HUGEPAGE);
	if (touched_pages)
		memset(start, 0, length);
	*block = (struct block){ .start = start, .length = length, .wanted = wanted,
		.used = RTE_PTR_ALIGN_CEIL(start, HUGE_PAGE) };
	return block->used;
}

void __wrap_rte_free(void *used)
{
	struct block *block = find(used);

	if (used == NULL || block == NULL) {
		__real_rte_free(used);
		return;
	}
	munmap(block->start, block->length);
	*block = (struct block){ 0 };
}

/* The block that is used at an address; for NULL, one that is free. */
static struct block *find(const void *used)
{
	for (unsigned i = 0; i < RTE_DIM(blocks); i++)
		if (blocks[i].used == used)
			return &blocks[i];
	return NULL;
}
