/* key: keys of CURVE. */
#include "common/rpc/rpc.h"

#include <zmq.h>

#define KEY_BYTES 32u

int rpc_key_make(struct rpc_key_pair *out)
{
	return zmq_curve_keypair(out->public_key, out->secret_key) ? -errno : 0;
}

int rpc_key_complete(struct rpc_key_pair *pair)
{
	return rpc_key_good(pair->secret_key) && zmq_curve_public(pair->public_key, pair->secret_key) == 0
	               ? 0
	               : -EINVAL;
}

bool rpc_key_good(const char *text)
{
	uint8_t bytes[KEY_BYTES];

	return strlen(text) == RPC_KEY_TEXT - 1 && zmq_z85_decode(bytes, text);
}
