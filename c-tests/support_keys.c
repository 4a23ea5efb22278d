/* Keys of support.h. Those of RSA are put together from primes that stand here: to search for primes takes seconds, and
 * under valgrind half a minute. */
#include "support.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

static const char *const primes[][2] = {
    [RSA_1024] =
        {"D86724ECD008C94C376498228458072DB835E2D227DBE03FFAD57C6FCF42AA5EFDF3F56E692854BB03ADB8D7FF42AA50CD7F"
         "A89D24AD27B6FEEAEBA92F165647",
         "CB7992C426A6797631CAF930E3906B0E326C71EC392FDB8886B318DDF527FC2B4B78CCA5652BB77C323BDB3CFF623D5A06E9"
         "4EF1BA409F498240A9257310F6BF"},
    [RSA_2048] =
        {"E8790EDBE704048D90CEC1158D32C9A845DD2A498F5616D85A5994588BBFBEEDC4A1C78075D9DAD0767BBC7A2FC4E7F1BC69"
         "68C4AF40FD58F1B31BFB9374D1106B5FEA8DFC7176BFAC3499A0574CECD79CAF6706F49BF01A113A67FE57A06F2C83E012AF"
         "63C29AF73CD9D0589E23926AE19050B6D0B7569726E9E99FF66FCC11",
         "CF69E3636421F279E32D913517A10A50366F084E7C142368C1208184EBBF678C524C6E3E702D5B84407F0D76B9B1A010B152"
         "8BE69EA39697D7F32F96CB86706DA987E06F3ABD5EE555B0D48E643B612A664AF9B4A204B7FE70E70ACE72875099F9114BA3"
         "BA4CAF5548C673E47565A9116963F8C9A903291A816CABA5AF2FC923"},
    [OTHER_RSA_2048] =
        {"CFB73F3586154004B24E29862529AB88D71CFE467820DB70A3E97FB62FB0865A90E194650C7DF3DFDFD09D7ECA98C3C6E84F"
         "308CA58693DD540E331BC86F3EC3B495D792CB32BA09420D50AFD7CD640E4DCA16E37ED44321C36551D38D21A2B887693244"
         "65F3AB5C804C72CAECD7A587862EBDA6A6AC2C01F115321D3AA56751",
         "F1E2965300DCF738CA87476D4B5D08B8F1E805AB274591FD9125217C94D05AF699D67E4F1BAC553F15715F347F8946EE8CA3"
         "66D86A69A0C6030B607C35B3BA68DC43828916D53FCC9B3BD38C7B98262DC548FADF723449B9B7F14CF101EECFAD343A7114"
         "1D2EB12300509EB616886F2B48264BF8A3E339591EAC7A3090CF3631"},
};

EVP_PKEY *p256(void)
{
    return EVP_EC_gen("P-256");
}

EVP_PKEY *fixed_rsa(enum rsa_key which)
{
    BN_CTX *scratch = BN_CTX_new();
    BIGNUM *p = NULL, *q = NULL, *n = BN_new(), *e = BN_new(), *p1 = BN_new(), *q1 = BN_new(), *phi = BN_new(), *d = BN_new();
    BIGNUM *dp = BN_new(), *dq = BN_new(), *inverse = BN_new();
    need(scratch != NULL && BN_hex2bn(&p, primes[which][0]) && BN_hex2bn(&q, primes[which][1]) && BN_set_word(e, RSA_F4) &&
             BN_mul(n, p, q, scratch) && BN_sub(p1, p, BN_value_one()) && BN_sub(q1, q, BN_value_one()) &&
             BN_mul(phi, p1, q1, scratch) && BN_mod_inverse(d, e, phi, scratch) != NULL && BN_mod(dp, d, p1, scratch) &&
             BN_mod(dq, d, q1, scratch) && BN_mod_inverse(inverse, q, p, scratch) != NULL,
         "the numbers of an RSA key");
    const struct {
        const char *name;
        const BIGNUM *number;
    } members[] = {
        {OSSL_PKEY_PARAM_RSA_N, n}, {OSSL_PKEY_PARAM_RSA_E, e}, {OSSL_PKEY_PARAM_RSA_D, d},
        {OSSL_PKEY_PARAM_RSA_FACTOR1, p}, {OSSL_PKEY_PARAM_RSA_FACTOR2, q}, {OSSL_PKEY_PARAM_RSA_EXPONENT1, dp},
        {OSSL_PKEY_PARAM_RSA_EXPONENT2, dq}, {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, inverse},
    };
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        need(OSSL_PARAM_BLD_push_BN(build, members[i].name, members[i].number), "OSSL_PARAM_BLD_push_BN");
    OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *key = NULL;
    need(EVP_PKEY_fromdata_init(maker) == 1 && EVP_PKEY_fromdata(maker, &key, EVP_PKEY_KEYPAIR, parameters) == 1, "an RSA key");
    EVP_PKEY_CTX_free(maker);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(build);
    BIGNUM *numbers[] = {p, q, n, e, p1, q1, phi, d, dp, dq, inverse};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        BN_clear_free(numbers[i]);
    BN_CTX_free(scratch);
    return key;
}
