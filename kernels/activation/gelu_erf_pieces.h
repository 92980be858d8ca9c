#pragma once
// GELU by erf on vectors of 64 bytes. With t = |x| it is max(x, 0) - t P(X > t), X being a standard normal;
// and where its derivative is g(t) for x = -t, it is 1 - g(t) for x = t. Both functions of t are smooth
// enough for sixteen polynomials of degree 5 to reach as far as most x go. Each equals the function at
// Chebyshev nodes; registers hold their coefficients, and an instruction chooses them.

#include "kernels/vec_math.h"

namespace hewn {
namespace {

/// c[0][k] + c[1][k] h + ... for t = k / 4 + h, |h| <= 1/8.
using Pieces = float[6][16];
constexpr float end_of_pieces = 3.875f;

/// P(X > t).
constexpr Pieces erf_tail = {
    {0.5f, 0.401293665f, 0.308537543f, 0.22662735f, 0.158655256f, 0.105649777f, 0.066807203f, 0.0400591567f,
     0.0227501318f, 0.0122244721f, 0.00620966544f, 0.00297976332f, 0.00134989806f, 0.000577025057f,
     0.0002326291f, 8.84172987e-05f},
    {-0.398942292f, -0.386668116f, -0.352065325f, -0.301137418f, -0.241970718f, -0.182649091f, -0.1295176f,
     -0.086277321f, -0.0539909676f, -0.0317396522f, -0.0175283011f, -0.00909356214f, -0.00443184841f,
     -0.00202904805f, -0.000872682722f, -0.0003525957f},
    {-4.31306901e-08f, 0.04833325f, 0.088015914f, 0.112926118f, 0.120985083f, 0.114155598f, 0.0971382856f,
     0.0754928365f, 0.0539911501f, 0.0357072428f, 0.0219104458f, 0.0125036649f, 0.00664775772f,
     0.00329717691f, 0.00152716995f, 0.000661098689f},
    {0.0664917752f, 0.0604167655f, 0.0440081209f, 0.0219579842f, 1.05218454e-07f, -0.0171232391f,
     -0.0269827563f, -0.0296578035f, -0.0269954987f, -0.0214904249f, -0.0153372986f, -0.0099461088f,
     -0.00590914302f, -0.00323379738f, -0.00163627719f, -0.000767626043f},
    {-1.93511733e-05f, -0.0117864925f, -0.020098567f, -0.0228670724f, -0.0201170165f, -0.0136613725f,
     -0.00608648034f, 0.000362566527f, 0.00446765916f, 0.0061139348f, 0.00592201343f, 0.00475117611f,
     0.00332646514f, 0.00208240934f, 0.00118144031f, 0.000612571661f},
    {-0.00986952148f, -0.00844896771f, -0.00457654009f, 0.000139019234f, 0.00401487807f, 0.00596814044f,
     0.00585570466f, 0.00430669636f, 0.00225237012f, 0.000468003534f, -0.000660290068f, -0.00111855287f,
     -0.00110598106f, -0.000865250535f, -0.000579105865f, -0.000342663639f}};

/// The derivative of -t P(X > t).
constexpr Pieces erf_slope = {
    {0.5f, 0.304626644f, 0.13250488f, 0.000774280576f, -0.0833154693f, -0.122661583f, -0.127469197f,
     -0.110926151f, -0.0852318034f, -0.0591897443f, -0.0376110859f, -0.0220275335f, -0.0119456472f,
     -0.00601738086f, -0.00282176025f, -0.0012338165f},
    {-0.797884583f, -0.749169469f, -0.616114318f, -0.432885051f, -0.241970733f, -0.0799089745f, 0.0323794f,
     0.0916696489f, 0.107981935f, 0.097202681f, 0.0744952783f, 0.0505829416f, 0.031022938f, 0.0173737239f,
     0.00894499756f, 0.00425318535f},
    {-3.4468485e-07f, 0.190311134f, 0.330058157f, 0.388182312f, 0.362954885f, 0.278254896f, 0.169993281f,
     0.0707759336f, 1.06983975e-06f, -0.0379384197f, -0.0492984802f, -0.0445446074f, -0.0332392119f,
     -0.0216381233f, -0.012599458f, -0.00665250747f},
    {0.265972674f, 0.229834974f, 0.135691673f, 0.0190177597f, -0.0806559324f, -0.136867091f, -0.14435783f,
     -0.115879118f, -0.0719883367f, -0.0307274926f, -0.00200866535f, 0.0125095192f, 0.0162501615f,
     0.0140779195f, 0.00993591826f, 0.00607151957f},
    {-0.000154668756f, -0.0693925917f, -0.111783147f, -0.113684013f, -0.0804522336f, -0.0310265236f,
     0.0134156886f, 0.0394200385f, 0.0448098443f, 0.0358159803f, 0.0213630404f, 0.00839336496f,
     5.96347018e-05f, -0.00363715109f, -0.00422217976f, -0.00336117554f},
    {-0.0590096936f, -0.0477651879f, -0.0182624515f, 0.0144571215f, 0.0361294448f, 0.0401059128f,
     0.0292378794f, 0.0121376505f, -0.00263444474f, -0.0105510382f, -0.0116649456f, -0.00869594701f,
     -0.00466204621f, -0.0014667213f, 0.000309540454f, 0.000922932173f}};

/// At t < end_of_pieces.
HEWN_INLINE vf by_pieces(const Pieces& c, vf t) {
  const vf shift = set1(3145728.0f);  // 1.5 * 2^21: a quarter is its last bit
  const vf shifted = t + shift, h = t - (shifted - shift);
  vf y = chosen(as_int(shifted), load(c[5]));
#pragma GCC unroll 5
  for (int i = 4; i >= 0; --i) y = fma(y, h, chosen(as_int(shifted), load(c[i])));
  return y;
}

/// `Exact` for all x, and where the pieces end: lane by lane, so that an x gives the same bits in any
/// company.
template <class Exact>
struct GeluErfByPieces {
  static constexpr double value_ulp = Exact::value_ulp, slope_ulp = Exact::slope_ulp;
  HEWN_INLINE static vf value(vf x) {
    const vf t = abs(x), y = fma(-t, by_pieces(erf_tail, t), max(vf{}, x));
    const __mmask16 far = _mm512_cmp_ps_mask(t, set1(end_of_pieces), _CMP_GE_OQ);
    return far ? _mm512_mask_mov_ps(y, far, exact_value(x)) : y;
  }
  HEWN_INLINE static vf slope(vf x) {
    const vf t = abs(x), s = by_pieces(erf_slope, t), y = x < 0.0f ? s : 1.0f - s;
    const __mmask16 far = _mm512_cmp_ps_mask(t, set1(end_of_pieces), _CMP_GE_OQ);
    return far ? _mm512_mask_mov_ps(y, far, exact_slope(x)) : y;
  }

 private:
  // Out of the loops around, where they would take registers.
  [[gnu::noinline, gnu::cold]] static vf exact_value(vf x) { return Exact::value(x); }
  [[gnu::noinline, gnu::cold]] static vf exact_slope(vf x) { return Exact::slope(x); }
};

}  // namespace
}  // namespace hewn
