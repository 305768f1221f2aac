/* What Linux's own connection tracking takes for a packet of an established TCP connection.
 *
 *   cc -O2 -o linux-conntrack benches/linux/conntrack.c && sudo ./linux-conntrack [CONNECTIONS]
 *
 * In a network namespace of its own, segments are written to two TUN devices between which the
 * kernel forwards, in either direction and for connections drawn at random. A rule drops each of
 * them where it would be forwarded, so that all that happens to it happens within the call of
 * write(2). That is timed twice: without connection tracking, and with a rule that drops what is
 * established. The difference is what tracking takes, a table walk through the state and windows
 * included; checksums are not verified. Needs root, nftables, iproute2.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { PACKETS = 200000, PASSES = 11, SYN = 2, ACK = 16 };

struct packet {
	uint8_t version, tos;
	uint16_t length, id, fragment;
	uint8_t ttl, protocol;
	uint16_t checksum;
	uint32_t src, dst;
	uint16_t src_port, dst_port;
	uint32_t seq, ack;
	uint8_t offset, flags;
	uint16_t window, tcp_checksum, urgent;
} __attribute__((packed));

static int devices[2];

static void run(const char *command)
{
	if (system(command) != 0) {
		fprintf(stderr, "failed: %s\n", command);
		exit(1);
	}
}

static int tun(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	const int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	strcpy(request.ifr_name, name);
	if (device < 0 || ioctl(device, TUNSETIFF, &request) < 0) {
		perror("/dev/net/tun");
		exit(1);
	}
	return device;
}

static uint16_t header_checksum(const void *header)
{
	const uint16_t *words = header;
	uint32_t sum = 0;

	for (int i = 0; i < 10; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~(sum + (sum >> 16));
}

static struct packet packet(uint32_t flow, int back, uint8_t flags, uint32_t seq)
{
	const uint32_t client = htonl(0x0a000000 + 16 + (flow >> 4)), server = htonl(0xc0000201);
	const uint16_t port = htons(40000 + (flow & 15)), https = htons(443);
	struct packet p = { .version = 0x45, .length = htons(40), .ttl = 64, .protocol = 6,
		.src = back ? server : client, .dst = back ? client : server,
		.src_port = back ? https : port, .dst_port = back ? port : https,
		.seq = htonl(seq), .ack = htonl(flags & ACK ? 1 : 0), .offset = 0x50, .flags = flags,
		.window = 0xffff };

	p.checksum = header_checksum(&p);
	return p;
}

static void send_packet(uint32_t flow, int back, uint8_t flags, uint32_t seq)
{
	const struct packet p = packet(flow, back, flags, seq);

	if (write(devices[back], &p, sizeof(p)) != sizeof(p)) {
		perror("write");
		exit(1);
	}
}

static int ascending(const void *a, const void *b)
{
	return *(const double *)a > *(const double *)b ? 1 : -1;
}

/* Nanoseconds a packet: the median and the least of the passes. */
static void measure(uint32_t flows, double *median, double *least)
{
	double times[PASSES];
	uint64_t state = 0x9e3779b97f4a7c15;
	static uint32_t seq = 1;

	for (int pass = 0; pass < PASSES; pass++) {
		struct timespec start, end;

		clock_gettime(CLOCK_MONOTONIC, &start);
		for (int i = 0; i < PACKETS; i++) {
			state ^= state << 13, state ^= state >> 7, state ^= state << 17;
			seq = seq % 32000 + 1;
			send_packet((uint32_t)(state >> 20) % flows, (int)(state & 1), ACK, seq);
		}
		clock_gettime(CLOCK_MONOTONIC, &end);
		times[pass] = ((double)(end.tv_sec - start.tv_sec) * 1e9 +
			(double)(end.tv_nsec - start.tv_nsec)) / PACKETS;
	}
	qsort(times, PASSES, sizeof(*times), ascending);
	*median = times[PASSES / 2];
	*least = times[0];
}

int main(int count, char **arguments)
{
	const uint32_t flows = count > 1 ? (uint32_t)atoi(arguments[1]) : 10000;
	double without, least_without, with, least_with;

	if (unshare(CLONE_NEWNET) < 0) {
		perror("a network namespace");
		return 1;
	}
	devices[0] = tun("clients");
	devices[1] = tun("servers");
	run("ip address add 10.0.0.1/8 dev clients && ip link set clients up &&"
	    "ip address add 192.0.2.254/24 dev servers && ip link set servers up &&"
	    "echo 1 > /proc/sys/net/ipv4/ip_forward &&"
	    "echo 0 > /proc/sys/net/netfilter/nf_conntrack_checksum &&"
	    "for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done");
	run("nft 'table ip t { chain forward { type filter hook forward priority 0; drop; }; }'");
	measure(flows, &without, &least_without);

	run("nft 'flush chain ip t forward; add rule ip t forward ct state new,established accept'");
	for (uint32_t flow = 0; flow < flows; flow++) {
		send_packet(flow, 0, SYN, 0);
		send_packet(flow, 1, SYN | ACK, 0);
		send_packet(flow, 0, ACK, 1);
	}
	printf("connections in the kernel: ");
	fflush(stdout);
	run("cat /proc/sys/net/netfilter/nf_conntrack_count");
	run("nft 'flush chain ip t forward; add rule ip t forward ct state established counter drop'");
	measure(flows, &with, &least_with);
	run("nft list chain ip t forward | grep counter");
	printf("%u connections, nanoseconds a packet, median (least): %.0f (%.0f) without tracking, "
		"%.0f (%.0f) with, tracking %.0f (%.0f)\n", flows, without, least_without, with,
		least_with, with - without, least_with - least_without);
	return 0;
}
