"""IKEv2's numbers, each once, in the order of IANA's registry "Internet Key Exchange Version 2 (IKEv2) Parameters".

A table is the text of its registry: number, name, where it is defined. The constants below each table are looked up
in it by name at import, so that a name can never drift from its number, and a number that somebody sends us can be
printed by the name its specification gives it.
"""
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    Registry = tuple[tuple[int, str, str], ...]

EXCHANGE_TYPES = (
    (34, "IKE_SA_INIT", "RFC 7296"),
    (35, "IKE_AUTH", "RFC 7296"),
    (36, "CREATE_CHILD_SA", "RFC 7296"),
    (37, "INFORMATIONAL", "RFC 7296"),
    (38, "IKE_SESSION_RESUME", "RFC 5723"),
    (43, "IKE_INTERMEDIATE", "RFC 9242"),
    (44, "IKE_FOLLOWUP_KE", "RFC 9370"),
)

PAYLOAD_TYPES = (
    (33, "SA", "RFC 7296 3.3"),
    (34, "KE", "RFC 7296 3.4"),
    (35, "IDi", "RFC 7296 3.5"),
    (36, "IDr", "RFC 7296 3.5"),
    (37, "CERT", "RFC 7296 3.6"),
    (38, "CERTREQ", "RFC 7296 3.7"),
    (39, "AUTH", "RFC 7296 3.8"),
    (40, "NONCE", "RFC 7296 3.9"),
    (41, "N", "RFC 7296 3.10"),
    (42, "D", "RFC 7296 3.11"),
    (43, "V", "RFC 7296 3.12"),
    (44, "TSi", "RFC 7296 3.13"),
    (45, "TSr", "RFC 7296 3.13"),
    (46, "SK", "RFC 7296 3.14"),
    (47, "CP", "RFC 7296 3.15"),
    (48, "EAP", "RFC 7296 3.16"),
    (53, "SKF", "RFC 7383"),
)

TRANSFORM_TYPES = (
    (1, "ENCR", "RFC 7296 3.3.2"),
    (2, "PRF", "RFC 7296 3.3.2"),
    (3, "INTEG", "RFC 7296 3.3.2"),
    (4, "KE", "RFC 7296 3.3.2, RFC 9370"),
    (5, "ESN", "RFC 7296 3.3.2"),
)

ENCRYPTION_IDS = (
    (2, "DES", "RFC 2405"),
    (3, "3DES", "RFC 2451"),
    (11, "NULL", "RFC 2410"),
    (12, "AES_CBC", "RFC 3602"),
    (13, "AES_CTR", "RFC 3686"),
    (14, "AES_CCM_8", "RFC 4309"),
    (15, "AES_CCM_12", "RFC 4309"),
    (16, "AES_CCM_16", "RFC 4309"),
    (18, "AES_GCM_8", "RFC 4106, RFC 5282"),
    (19, "AES_GCM_12", "RFC 4106, RFC 5282"),
    (20, "AES_GCM_16", "RFC 4106, RFC 5282"),
    (21, "NULL_AUTH_AES_GMAC", "RFC 4543"),
    (23, "CAMELLIA_CBC", "RFC 5529"),
    (28, "CHACHA20_POLY1305", "RFC 7634"),
)

PRF_IDS = (
    (1, "PRF_HMAC_MD5", "RFC 2104"),
    (2, "PRF_HMAC_SHA1", "RFC 2104"),
    (4, "PRF_AES128_XCBC", "RFC 4434"),
    (5, "PRF_HMAC_SHA2_256", "RFC 4868"),
    (6, "PRF_HMAC_SHA2_384", "RFC 4868"),
    (7, "PRF_HMAC_SHA2_512", "RFC 4868"),
    (8, "PRF_AES128_CMAC", "RFC 4615"),
)

INTEGRITY_IDS = (
    (0, "NONE", "RFC 7296"),
    (1, "HMAC_MD5_96", "RFC 2403"),
    (2, "HMAC_SHA1_96", "RFC 2404"),
    (5, "AES_XCBC_96", "RFC 3566"),
    (8, "AES_CMAC_96", "RFC 4494"),
    (12, "HMAC_SHA2_256_128", "RFC 4868"),
    (13, "HMAC_SHA2_384_192", "RFC 4868"),
    (14, "HMAC_SHA2_512_256", "RFC 4868"),
)

GROUP_IDS = (
    (0, "NO_GROUP", "RFC 7296"),
    (1, "MODP768", "RFC 7296 B.1"),
    (2, "MODP1024", "RFC 7296 B.2"),
    (5, "MODP1536", "RFC 3526"),
    (14, "MODP2048", "RFC 3526"),
    (15, "MODP3072", "RFC 3526"),
    (16, "MODP4096", "RFC 3526"),
    (19, "ECP256", "RFC 5903"),
    (20, "ECP384", "RFC 5903"),
    (21, "ECP521", "RFC 5903"),
    (31, "X25519", "RFC 8031"),
    (32, "X448", "RFC 8031"),
)

ESN_IDS = (
    (0, "NO_ESN", "RFC 7296"),
    (1, "ESN", "RFC 7296"),
)

PROTOCOL_IDS = (
    (1, "IKE", "RFC 7296"),
    (2, "AH", "RFC 7296"),
    (3, "ESP", "RFC 7296"),
)

AUTH_METHODS = (
    (1, "RSA_SIGNATURE", "RFC 7296"),
    (2, "SHARED_KEY_MIC", "RFC 7296"),
    (3, "DSS_SIGNATURE", "RFC 7296"),
    (9, "ECDSA_256", "RFC 4754"),
    (10, "ECDSA_384", "RFC 4754"),
    (11, "ECDSA_521", "RFC 4754"),
    (13, "NULL_AUTHENTICATION", "RFC 7619"),
    (14, "DIGITAL_SIGNATURE", "RFC 7427"),
)

TS_TYPES = (
    (7, "TS_IPV4_ADDR_RANGE", "RFC 7296 3.13.1"),
    (8, "TS_IPV6_ADDR_RANGE", "RFC 7296 3.13.1"),
)

NOTIFY_TYPES = (
    # Errors.
    (1, "UNSUPPORTED_CRITICAL_PAYLOAD", "RFC 7296"),
    (4, "INVALID_IKE_SPI", "RFC 7296"),
    (5, "INVALID_MAJOR_VERSION", "RFC 7296"),
    (7, "INVALID_SYNTAX", "RFC 7296"),
    (9, "INVALID_MESSAGE_ID", "RFC 7296"),
    (11, "INVALID_SPI", "RFC 7296"),
    (14, "NO_PROPOSAL_CHOSEN", "RFC 7296"),
    (17, "INVALID_KE_PAYLOAD", "RFC 7296"),
    (24, "AUTHENTICATION_FAILED", "RFC 7296"),
    (34, "SINGLE_PAIR_REQUIRED", "RFC 7296"),
    (35, "NO_ADDITIONAL_SAS", "RFC 7296"),
    (36, "INTERNAL_ADDRESS_FAILURE", "RFC 7296"),
    (37, "FAILED_CP_REQUIRED", "RFC 7296"),
    (38, "TS_UNACCEPTABLE", "RFC 7296"),
    (39, "INVALID_SELECTORS", "RFC 7296"),
    (40, "UNACCEPTABLE_ADDRESSES", "RFC 4555"),
    (41, "UNEXPECTED_NAT_DETECTED", "RFC 4555"),
    (43, "TEMPORARY_FAILURE", "RFC 7296"),
    (44, "CHILD_SA_NOT_FOUND", "RFC 7296"),
    # Status.
    (16384, "INITIAL_CONTACT", "RFC 7296"),
    (16385, "SET_WINDOW_SIZE", "RFC 7296"),
    (16386, "ADDITIONAL_TS_POSSIBLE", "RFC 7296"),
    (16387, "IPCOMP_SUPPORTED", "RFC 7296"),
    (16388, "NAT_DETECTION_SOURCE_IP", "RFC 7296"),
    (16389, "NAT_DETECTION_DESTINATION_IP", "RFC 7296"),
    (16390, "COOKIE", "RFC 7296"),
    (16391, "USE_TRANSPORT_MODE", "RFC 7296"),
    (16392, "HTTP_CERT_LOOKUP_SUPPORTED", "RFC 7296"),
    (16393, "REKEY_SA", "RFC 7296"),
    (16394, "ESP_TFC_PADDING_NOT_SUPPORTED", "RFC 7296"),
    (16395, "NON_FIRST_FRAGMENTS_ALSO", "RFC 7296"),
    (16396, "MOBIKE_SUPPORTED", "RFC 4555"),
    (16397, "ADDITIONAL_IP4_ADDRESS", "RFC 4555"),
    (16398, "ADDITIONAL_IP6_ADDRESS", "RFC 4555"),
    (16399, "NO_ADDITIONAL_ADDRESSES", "RFC 4555"),
    (16400, "UPDATE_SA_ADDRESSES", "RFC 4555"),
    (16401, "COOKIE2", "RFC 4555"),
    (16402, "NO_NATS_ALLOWED", "RFC 4555"),
    (16430, "IKEV2_FRAGMENTATION_SUPPORTED", "RFC 7383"),
    (16431, "SIGNATURE_HASH_ALGORITHMS", "RFC 7427"),
    (16435, "USE_PPK", "RFC 8784"),
    # Private use (40960-65535), meaningful only beside our Vendor ID.
    (40969, "ISTHMUS_LINK", "proto/ike2/link.py"),
)


def _number(registry: Registry, name: str) -> int:
    for number, known, _ in registry:
        if known == name:
            return number
    raise KeyError(name)


def name_of(registry: Registry, number: int) -> str:
    """The registered name of a number, or the number itself as text."""
    for known, name, _ in registry:
        if known == number:
            return name
    return "%d" % number


IKE_SA_INIT = _number(EXCHANGE_TYPES, "IKE_SA_INIT")
IKE_AUTH = _number(EXCHANGE_TYPES, "IKE_AUTH")
CREATE_CHILD_SA = _number(EXCHANGE_TYPES, "CREATE_CHILD_SA")
INFORMATIONAL = _number(EXCHANGE_TYPES, "INFORMATIONAL")

NO_NEXT_PAYLOAD = 0
SA = _number(PAYLOAD_TYPES, "SA")
KE = _number(PAYLOAD_TYPES, "KE")
IDI = _number(PAYLOAD_TYPES, "IDi")
IDR = _number(PAYLOAD_TYPES, "IDr")
CERT = _number(PAYLOAD_TYPES, "CERT")
CERTREQ = _number(PAYLOAD_TYPES, "CERTREQ")
AUTH = _number(PAYLOAD_TYPES, "AUTH")
NONCE = _number(PAYLOAD_TYPES, "NONCE")
NOTIFY = _number(PAYLOAD_TYPES, "N")
DELETE = _number(PAYLOAD_TYPES, "D")
VENDOR = _number(PAYLOAD_TYPES, "V")
TSI = _number(PAYLOAD_TYPES, "TSi")
TSR = _number(PAYLOAD_TYPES, "TSr")
SK = _number(PAYLOAD_TYPES, "SK")
CP = _number(PAYLOAD_TYPES, "CP")
EAP = _number(PAYLOAD_TYPES, "EAP")

ENCR = _number(TRANSFORM_TYPES, "ENCR")
PRF = _number(TRANSFORM_TYPES, "PRF")
INTEG = _number(TRANSFORM_TYPES, "INTEG")
GROUP = _number(TRANSFORM_TYPES, "KE")
ESN = _number(TRANSFORM_TYPES, "ESN")

TRANSFORM_IDS = {ENCR: ENCRYPTION_IDS, PRF: PRF_IDS, INTEG: INTEGRITY_IDS, GROUP: GROUP_IDS, ESN: ESN_IDS}

KEY_LENGTH = 14  # the only Transform Attribute there is, RFC 7296 3.3.5

ENCR_AES_CBC = _number(ENCRYPTION_IDS, "AES_CBC")
ENCR_AES_GCM_16 = _number(ENCRYPTION_IDS, "AES_GCM_16")
ENCR_CHACHA20_POLY1305 = _number(ENCRYPTION_IDS, "CHACHA20_POLY1305")
PRF_HMAC_SHA2_256 = _number(PRF_IDS, "PRF_HMAC_SHA2_256")
PRF_HMAC_SHA2_384 = _number(PRF_IDS, "PRF_HMAC_SHA2_384")
PRF_HMAC_SHA2_512 = _number(PRF_IDS, "PRF_HMAC_SHA2_512")
INTEG_NONE = _number(INTEGRITY_IDS, "NONE")
INTEG_HMAC_SHA2_256_128 = _number(INTEGRITY_IDS, "HMAC_SHA2_256_128")
INTEG_HMAC_SHA2_384_192 = _number(INTEGRITY_IDS, "HMAC_SHA2_384_192")
INTEG_HMAC_SHA2_512_256 = _number(INTEGRITY_IDS, "HMAC_SHA2_512_256")
NO_GROUP = _number(GROUP_IDS, "NO_GROUP")
MODP2048 = _number(GROUP_IDS, "MODP2048")
MODP3072 = _number(GROUP_IDS, "MODP3072")
MODP4096 = _number(GROUP_IDS, "MODP4096")
ECP256 = _number(GROUP_IDS, "ECP256")
ECP384 = _number(GROUP_IDS, "ECP384")
X25519 = _number(GROUP_IDS, "X25519")
NO_ESN = _number(ESN_IDS, "NO_ESN")
WITH_ESN = _number(ESN_IDS, "ESN")

PROTO_IKE = _number(PROTOCOL_IDS, "IKE")
PROTO_ESP = _number(PROTOCOL_IDS, "ESP")

SHARED_KEY_MIC = _number(AUTH_METHODS, "SHARED_KEY_MIC")

TS_IPV4 = _number(TS_TYPES, "TS_IPV4_ADDR_RANGE")
TS_IPV6 = _number(TS_TYPES, "TS_IPV6_ADDR_RANGE")

UNSUPPORTED_CRITICAL_PAYLOAD = _number(NOTIFY_TYPES, "UNSUPPORTED_CRITICAL_PAYLOAD")
INVALID_IKE_SPI = _number(NOTIFY_TYPES, "INVALID_IKE_SPI")
INVALID_MAJOR_VERSION = _number(NOTIFY_TYPES, "INVALID_MAJOR_VERSION")
INVALID_SYNTAX = _number(NOTIFY_TYPES, "INVALID_SYNTAX")
INVALID_SPI = _number(NOTIFY_TYPES, "INVALID_SPI")
NO_PROPOSAL_CHOSEN = _number(NOTIFY_TYPES, "NO_PROPOSAL_CHOSEN")
INVALID_KE_PAYLOAD = _number(NOTIFY_TYPES, "INVALID_KE_PAYLOAD")
AUTHENTICATION_FAILED = _number(NOTIFY_TYPES, "AUTHENTICATION_FAILED")
NO_ADDITIONAL_SAS = _number(NOTIFY_TYPES, "NO_ADDITIONAL_SAS")
TS_UNACCEPTABLE = _number(NOTIFY_TYPES, "TS_UNACCEPTABLE")
TEMPORARY_FAILURE = _number(NOTIFY_TYPES, "TEMPORARY_FAILURE")
INITIAL_CONTACT = _number(NOTIFY_TYPES, "INITIAL_CONTACT")
NAT_DETECTION_SOURCE_IP = _number(NOTIFY_TYPES, "NAT_DETECTION_SOURCE_IP")
NAT_DETECTION_DESTINATION_IP = _number(NOTIFY_TYPES, "NAT_DETECTION_DESTINATION_IP")
CHILD_SA_NOT_FOUND = _number(NOTIFY_TYPES, "CHILD_SA_NOT_FOUND")
COOKIE = _number(NOTIFY_TYPES, "COOKIE")
REKEY_SA = _number(NOTIFY_TYPES, "REKEY_SA")
USE_TRANSPORT_MODE = _number(NOTIFY_TYPES, "USE_TRANSPORT_MODE")
ISTHMUS_LINK = _number(NOTIFY_TYPES, "ISTHMUS_LINK")

FIRST_STATUS_TYPE = 16384  # smaller notify types are errors, RFC 7296 3.10.1
