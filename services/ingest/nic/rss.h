/* rss: which lane a frame belongs to.
 *
 * The hash is Toeplitz's over addresses and, of whole TCP, UDP and SCTP packets, ports (Microsoft, "Receive
 * Side Scaling", "RSS hashing types"), with the key 6d5a repeated, under which both directions of a flow have
 * the same hash ("Scalable TCP Session Monitoring with Symmetric Receive-side Scaling", Woo and Park 2012).
 * That key repeats every 16 bits, so that the hash depends only on the exclusive or of the 16-bit words, and
 * its two halves are equal: one sum and two look-ups.
 *
 *     hash = rss_frame(frame, len);
 *     lane = table.lane[hash % RSS_TABLE];
 *
 * Pure functions; any thread.
 */
#ifndef SLUICE_SERVICES_INGEST_NIC_RSS_H
#define SLUICE_SERVICES_INGEST_NIC_RSS_H

#include "common/base/base.h"

#define RSS_KEY_BYTES 40u
#define RSS_TABLE     128u

/* 6d5a, twenty times. */
extern const uint8_t rss_symmetric_key[RSS_KEY_BYTES];

/* Toeplitz's hash of `len` bytes (at most RSS_KEY_BYTES - 4) with any key, bit by bit: the definition. */
uint32_t rss_toeplitz(const uint8_t key[RSS_KEY_BYTES], const void *bytes, uint32_t len);

/* The same with the symmetric key, of data whose 16-bit words, in the order of memory, have this exclusive
 * or. */
uint32_t rss_symmetric(uint16_t words);

/* The hash of a frame: over addresses and ports; over addresses alone for fragments (the first too) and
 * protocols without ports; 0 for what is not IP or is cut short in its IP header. */
uint32_t rss_frame(const void *frame, uint32_t len);

/* The indirection table: lanes in turn. */
void rss_table(uint8_t lane[RSS_TABLE], uint32_t lanes);

#endif
