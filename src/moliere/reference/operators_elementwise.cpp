// SPDX-License-Identifier: Apache-2.0
// Arithmetic and functions of one element; equations as in ONNX's operator definitions.
#include "moliere/reference/detail.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace moliere::reference {
namespace {

using namespace detail;

/// y = f(x), element by element, for floating-point x.
template <class Scalar, class Function>
std::vector<Value<Scalar>> map_real(const Call<Scalar>& call, Function&& function) {
  const Value<Scalar>& x = call.input(0);
  std::vector<Scalar> y(x.size());
  std::ranges::transform(x.reals(), y.begin(), function);
  return single(Value<Scalar>::real(x.shape, std::move(y), x.type));
}

/// y = f(x) for numbers: `real` for floating-point ones, `integer` for integers.
template <class Scalar, class Real, class Integer>
std::vector<Value<Scalar>> map_number(const Call<Scalar>& call, Real&& real, Integer&& integer) {
  const Value<Scalar>& x = call.input(0);
  if (x.is_real()) return map_real(call, real);
  std::vector<std::int64_t> y(x.size());
  std::ranges::transform(x.integers(), y.begin(),
                         [&](std::int64_t i) { return wrap_integer(integer(i), x.type); });
  return single(Value<Scalar>::integer(x.shape, std::move(y), x.type));
}

/// z = f(x, y) with broadcasting, both of one kind.
template <class Scalar, class Real, class Integer>
Value<Scalar> combine(const Value<Scalar>& x, const Value<Scalar>& y, Real&& real,
                      Integer&& integer) {
  Shape shape = broadcast_shape(x.shape, y.shape);
  const std::array<Shape, 2> strides{broadcast_strides(x.shape, shape),
                                     broadcast_strides(y.shape, shape)};
  const std::size_t total = count(shape);
  if (x.is_real()) {
    const auto& a = x.reals();
    const auto& b = y.reals();
    std::vector<Scalar> z(total);
    for_each_offset(shape, strides,
                    [&](std::size_t i, const auto& o) { z[i] = real(a[at(o[0])], b[at(o[1])]); });
    return Value<Scalar>::real(std::move(shape), std::move(z), x.type);
  }
  const auto& a = x.integers();
  const auto& b = y.integers();
  std::vector<std::int64_t> z(total);
  for_each_offset(shape, strides, [&](std::size_t i, const auto& o) {
    z[i] = wrap_integer(integer(a[at(o[0])], b[at(o[1])]), x.type);
  });
  return Value<Scalar>::integer(std::move(shape), std::move(z), x.type);
}

template <class Scalar, class Real, class Integer>
std::vector<Value<Scalar>> binary(const Call<Scalar>& call, Real&& real, Integer&& integer) {
  return single(combine(call.input(0), call.input(1), real, integer));
}

/// f folded over all inputs: Sum, Max, ...
template <class Scalar, class Real, class Integer>
Value<Scalar> fold(const Call<Scalar>& call, Real&& real, Integer&& integer) {
  Value<Scalar> result = call.input(0);
  for (std::size_t i = 1; i < call.inputs.size(); ++i) {
    result = combine(result, call.input(i), real, integer);
  }
  return result;
}

/// Two's complement without undefined overflow.
std::int64_t wrapping(std::uint64_t value) { return static_cast<std::int64_t>(value); }
std::uint64_t bits(std::int64_t value) { return static_cast<std::uint64_t>(value); }

std::int64_t wrapping_add(std::int64_t a, std::int64_t b) { return wrapping(bits(a) + bits(b)); }

std::int64_t divide(std::int64_t a, std::int64_t b) {
  require(b != 0, "an integer is divided by zero");
  return b == -1 ? wrapping(0 - bits(a)) : a / b;  // towards zero
}

std::int64_t integer_power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 == 0 ? 1 : -1) : 0;
  std::uint64_t result = 1;
  std::uint64_t factor = bits(base);
  for (auto left = bits(exponent); left != 0; left >>= 1U) {
    if ((left & 1U) != 0) result *= factor;
    factor *= factor;
  }
  return wrapping(result);
}

/// Both may have types of their own; the result has the base's.
template <class Scalar>
std::vector<Value<Scalar>> power(const Call<Scalar>& call) {
  const Value<Scalar>& base = call.input(0);
  const Value<Scalar>& exponent = call.input(1);
  const auto real = [](Scalar a, Scalar b) { return std::pow(a, b); };
  if (base.is_real() == exponent.is_real())
    return single(combine(base, exponent, real, integer_power));
  const auto as_reals = [](const Value<Scalar>& value) {
    if (value.is_real()) return value;
    std::vector<Scalar> elements(value.integers().begin(), value.integers().end());
    return Value<Scalar>::real(value.shape, std::move(elements));
  };
  Value<Scalar> result = combine(as_reals(base), as_reals(exponent), real, integer_power);
  if (base.is_real()) {
    result.type = base.type;
    return single(std::move(result));
  }
  std::vector<std::int64_t> rounded;
  for (const Scalar x : result.reals()) rounded.push_back(static_cast<std::int64_t>(x));
  return single(Value<Scalar>::integer(result.shape, std::move(rounded), base.type));
}

/// fmod = 0: the sign of the divisor; 1: C's fmod, the sign of the dividend.
template <class Scalar>
std::vector<Value<Scalar>> modulo(const Call<Scalar>& call) {
  const bool fmod = int_attribute(call, "fmod", 0) != 0;
  return binary(
      call,
      [fmod](Scalar a, Scalar b) {
        const Scalar r = std::fmod(a, b);
        return !fmod && r != 0 && (r < 0) != (b < 0) ? r + b : r;
      },
      [fmod](std::int64_t a, std::int64_t b) {
        require(b != 0, "an integer is divided by zero");
        if (b == -1) return std::int64_t{0};
        const std::int64_t r = a % b;
        return !fmod && r != 0 && (r < 0) != (b < 0) ? r + b : r;
      });
}

/// NaN wins, as in NumPy.
template <class Scalar>
Scalar larger(Scalar a, Scalar b) {
  return std::isnan(a) || a > b ? a : b;
}
template <class Scalar>
Scalar smaller(Scalar a, Scalar b) {
  return std::isnan(a) || a < b ? a : b;
}

template <class Scalar>
Scalar sigmoid(Scalar x) {
  // The form whose exponential does not overflow.
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}

/// log(1 + e^x)
template <class Scalar>
Scalar softplus(Scalar x) {
  return std::max(x, Scalar{0}) + std::log1p(std::exp(-std::fabs(x)));
}

/// approximate = "none": x Phi(x) = x / 2 (1 + erf(x / sqrt 2));
/// "tanh": x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
template <class Scalar>
std::vector<Value<Scalar>> gelu(const Call<Scalar>& call) {
  if (string_attribute(call, "approximate", "none") == "tanh") {
    return map_real(call, [](Scalar x) {
      const auto scale = static_cast<Scalar>(std::sqrt(2 / std::numbers::pi));
      const auto cubic = static_cast<Scalar>(0.044715);
      return x / 2 * (1 + std::tanh(scale * (x + cubic * x * x * x)));
    });
  }
  return map_real(
      call, [](Scalar x) { return x / 2 * (1 + std::erf(x / std::numbers::sqrt2_v<Scalar>)); });
}

/// min(max(x, low), high); the limits are attributes below opset 11 and inputs from there.
template <class Scalar>
std::vector<Value<Scalar>> clip(const Call<Scalar>& call) {
  Value<Scalar> result = call.input(0);
  if (call.opset < 11) {
    const auto low = float_attribute(call, "min", std::numeric_limits<float>::lowest());
    const auto high = float_attribute(call, "max", std::numeric_limits<float>::max());
    return map_real(call, [=](Scalar x) { return smaller(larger(x, low), high); });
  }
  const auto integer_max = [](std::int64_t a, std::int64_t b) { return std::max(a, b); };
  const auto integer_min = [](std::int64_t a, std::int64_t b) { return std::min(a, b); };
  if (call.has(1)) result = combine(result, call.input(1), larger<Scalar>, integer_max);
  if (call.has(2)) result = combine(result, call.input(2), smaller<Scalar>, integer_min);
  return single(std::move(result));
}

template <class Scalar>
std::vector<Value<Scalar>> mean(const Call<Scalar>& call) {
  Value<Scalar> sum = fold(
      call, [](Scalar a, Scalar b) { return a + b; },
      [](std::int64_t, std::int64_t) -> std::int64_t { throw_invalid("Mean of integers"); });
  std::vector<Scalar> result = sum.reals();
  for (Scalar& x : result) x /= static_cast<Scalar>(call.inputs.size());
  return single(Value<Scalar>::real(sum.shape, std::move(result), sum.type));
}

/// Halfway cases go to the even neighbour.
template <class Scalar>
Scalar round_half_even(Scalar x) {
  const Scalar down = std::floor(x);
  const Scalar part = x - down;
  if (part < Scalar{0.5}) return down;
  if (part > Scalar{0.5}) return down + 1;
  return std::fmod(down, Scalar{2}) == 0 ? down : down + 1;
}

/// y = x where x >= 0, slope * x elsewhere; the slope broadcasts to x alone.
template <class Scalar>
std::vector<Value<Scalar>> prelu(const Call<Scalar>& call) {
  return binary(
      call, [](Scalar x, Scalar slope) { return x < 0 ? slope * x : x; },
      [](std::int64_t x, std::int64_t slope) {
        return x < 0 ? wrapping(bits(slope) * bits(x)) : x;
      });
}

bool is_signed_integer(DataType type) {
  return type == DataType::int64 || type == DataType::int32 || type == DataType::int16 ||
         type == DataType::int8;
}

/// Bits that leave are lost; zeros come in, on the left copies of the sign bit. A shift by a
/// negative number or by more than there are bits leaves nothing else.
template <class Scalar>
std::vector<Value<Scalar>> shift(const Call<Scalar>& call) {
  const bool left = string_attribute(call, "direction", "") == "LEFT";
  const bool arithmetic = !left && is_signed_integer(call.input(0).type);
  constexpr std::int64_t width = 64;
  return binary(
      call, [](Scalar, Scalar) -> Scalar { throw_invalid("BitShift of floating-point numbers"); },
      [left, arithmetic](std::int64_t x, std::int64_t by) {
        const bool beyond = by >= width || by < 0;
        if (arithmetic) return x >> (beyond ? width - 1 : by);
        if (beyond) return std::int64_t{0};
        return wrapping(left ? bits(x) << bits(by) : bits(x) >> bits(by));
      });
}

template <class Scalar>
[[noreturn]] Scalar no_reals(Scalar, Scalar) {
  throw_invalid("a bitwise operator on floating-point numbers");
}

template <class Scalar>
void add_activations(KernelTable<Scalar>& table) {
  using C = const Call<Scalar>&;
  table["Relu"] = [](C c) {
    return map_number(
        c, [](Scalar x) { return larger(x, Scalar{0}); },
        [](std::int64_t x) { return std::max<std::int64_t>(x, 0); });
  };
  // x < 0: alpha x
  table["LeakyRelu"] = [](C c) {
    const Scalar alpha = float_attribute(c, "alpha", 0.01F);
    return map_real(c, [=](Scalar x) { return x < 0 ? alpha * x : x; });
  };
  table["PRelu"] = prelu<Scalar>;
  // x > alpha ? x : 0
  table["ThresholdedRelu"] = [](C c) {
    const Scalar alpha = float_attribute(c, "alpha", 1);
    return map_real(c, [=](Scalar x) { return x > alpha ? x : Scalar{0}; });
  };
  // x < 0: alpha (e^x - 1)
  table["Elu"] = [](C c) {
    const Scalar alpha = float_attribute(c, "alpha", 1);
    return map_real(c, [=](Scalar x) { return x < 0 ? alpha * std::expm1(x) : x; });
  };
  // max(0, x) + min(0, alpha (e^(x / alpha) - 1))
  table["Celu"] = [](C c) {
    const Scalar alpha = float_attribute(c, "alpha", 1);
    return map_real(c, [=](Scalar x) {
      return std::max(Scalar{0}, x) + std::min(Scalar{0}, alpha * std::expm1(x / alpha));
    });
  };
  // gamma (alpha e^x - alpha) for x <= 0, gamma x above; Klambauer et al. 2017
  table["Selu"] = [](C c) {
    const Scalar alpha = float_attribute(c, "alpha", 1.67326319217681884765625);
    const Scalar gamma = float_attribute(c, "gamma", 1.05070102214813232421875);
    return map_real(c, [=](Scalar x) { return gamma * (x > 0 ? x : alpha * std::expm1(x)); });
  };
  table["Softplus"] = [](C c) { return map_real(c, softplus<Scalar>); };
  // x / (1 + |x|)
  table["Softsign"] = [](C c) {
    return map_real(c, [](Scalar x) { return x / (1 + std::fabs(x)); });
  };
  table["Sigmoid"] = [](C c) { return map_real(c, sigmoid<Scalar>); };
  // max(0, min(1, alpha x + beta))
  table["HardSigmoid"] = [](C c) {
    const Scalar alpha = float_attribute(c, "alpha", 0.2F);
    const Scalar beta = float_attribute(c, "beta", 0.5F);
    return map_real(
        c, [=](Scalar x) { return larger(Scalar{0}, smaller(Scalar{1}, alpha * x + beta)); });
  };
  // x HardSigmoid(x) with alpha = 1/6, beta = 1/2
  table["HardSwish"] = [](C c) {
    return map_real(
        c, [](Scalar x) { return x * larger(Scalar{0}, smaller(Scalar{1}, x / 6 + Scalar{0.5})); });
  };
  // x sigmoid(alpha x)
  table["Swish"] = [](C c) {
    const Scalar alpha = float_attribute(c, "alpha", 1);
    return map_real(c, [=](Scalar x) { return x * sigmoid(alpha * x); });
  };
  // a sigmoid(alpha a) b
  table["SwiGLU"] = [](C c) {
    require(c.input(0).shape == c.input(1).shape, "the inputs of SwiGLU have different shapes");
    const Scalar alpha = float_attribute(c, "alpha", 1);
    return binary(
        c, [=](Scalar a, Scalar b) { return a * sigmoid(alpha * a) * b; },
        [](std::int64_t, std::int64_t) -> std::int64_t { throw_invalid("SwiGLU of integers"); });
  };
  // x tanh(softplus(x))
  table["Mish"] = [](C c) {
    return map_real(c, [](Scalar x) { return x * std::tanh(softplus(x)); });
  };
  table["Gelu"] = gelu<Scalar>;
  // x < -lambd: x + bias; x > lambd: x - bias; else 0
  table["Shrink"] = [](C c) {
    const Scalar lambd = float_attribute(c, "lambd", 0.5);
    const Scalar bias = float_attribute(c, "bias", 0);
    const auto shrink = [=](Scalar x) {
      return x < -lambd ? x + bias : x > lambd ? x - bias : Scalar{0};
    };
    return map_number(c, shrink, [=](std::int64_t x) {
      return static_cast<std::int64_t>(shrink(static_cast<Scalar>(x)));
    });
  };
}

template <class Scalar>
void add_functions(KernelTable<Scalar>& table) {
  using C = const Call<Scalar>&;
  table["Sqrt"] = [](C c) { return map_real(c, [](Scalar x) { return std::sqrt(x); }); };
  table["Exp"] = [](C c) { return map_real(c, [](Scalar x) { return std::exp(x); }); };
  table["Log"] = [](C c) { return map_real(c, [](Scalar x) { return std::log(x); }); };
  table["Erf"] = [](C c) { return map_real(c, [](Scalar x) { return std::erf(x); }); };
  table["Sin"] = [](C c) { return map_real(c, [](Scalar x) { return std::sin(x); }); };
  table["Cos"] = [](C c) { return map_real(c, [](Scalar x) { return std::cos(x); }); };
  table["Tan"] = [](C c) { return map_real(c, [](Scalar x) { return std::tan(x); }); };
  table["Asin"] = [](C c) { return map_real(c, [](Scalar x) { return std::asin(x); }); };
  table["Acos"] = [](C c) { return map_real(c, [](Scalar x) { return std::acos(x); }); };
  table["Atan"] = [](C c) { return map_real(c, [](Scalar x) { return std::atan(x); }); };
  table["Sinh"] = [](C c) { return map_real(c, [](Scalar x) { return std::sinh(x); }); };
  table["Cosh"] = [](C c) { return map_real(c, [](Scalar x) { return std::cosh(x); }); };
  table["Tanh"] = [](C c) { return map_real(c, [](Scalar x) { return std::tanh(x); }); };
  table["Asinh"] = [](C c) { return map_real(c, [](Scalar x) { return std::asinh(x); }); };
  table["Acosh"] = [](C c) { return map_real(c, [](Scalar x) { return std::acosh(x); }); };
  table["Atanh"] = [](C c) { return map_real(c, [](Scalar x) { return std::atanh(x); }); };
  table["Floor"] = [](C c) { return map_real(c, [](Scalar x) { return std::floor(x); }); };
  table["Ceil"] = [](C c) { return map_real(c, [](Scalar x) { return std::ceil(x); }); };
  table["Round"] = [](C c) { return map_real(c, round_half_even<Scalar>); };
  table["Reciprocal"] = [](C c) { return map_real(c, [](Scalar x) { return 1 / x; }); };
  table["Abs"] = [](C c) {
    return map_number(
        c, [](Scalar x) { return std::fabs(x); },
        [](std::int64_t x) { return x < 0 ? wrapping(0 - bits(x)) : x; });
  };
  table["Neg"] = [](C c) {
    return map_number(
        c, [](Scalar x) { return -x; }, [](std::int64_t x) { return wrapping(0 - bits(x)); });
  };
  table["Sign"] = [](C c) {
    return map_number(
        c, [](Scalar x) { return std::isnan(x) ? x : Scalar(x > 0) - Scalar(x < 0); },
        [](std::int64_t x) { return std::int64_t{x > 0} - std::int64_t{x < 0}; });
  };
  table["BitwiseNot"] = [](C c) {
    return map_number(
        c, [](Scalar x) { return no_reals(x, x); }, [](std::int64_t x) { return ~x; });
  };
}

template <class Scalar>
void add_arithmetic(KernelTable<Scalar>& table) {
  using C = const Call<Scalar>&;
  using I = std::int64_t;
  table["Add"] = [](C c) {
    return binary(
        c, [](Scalar a, Scalar b) { return a + b; }, wrapping_add);
  };
  table["Sub"] = [](C c) {
    return binary(
        c, [](Scalar a, Scalar b) { return a - b; },
        [](I a, I b) { return wrapping(bits(a) - bits(b)); });
  };
  table["Mul"] = [](C c) {
    return binary(
        c, [](Scalar a, Scalar b) { return a * b; },
        [](I a, I b) { return wrapping(bits(a) * bits(b)); });
  };
  table["Div"] = [](C c) {
    return binary(
        c, [](Scalar a, Scalar b) { return a / b; }, divide);
  };
  table["Pow"] = power<Scalar>;
  table["Mod"] = modulo<Scalar>;
  table["Sum"] = [](C c) {
    return single(fold(
        c, [](Scalar a, Scalar b) { return a + b; }, wrapping_add));
  };
  table["Max"] = [](C c) {
    return single(fold(c, larger<Scalar>, [](I a, I b) { return std::max(a, b); }));
  };
  table["Min"] = [](C c) {
    return single(fold(c, smaller<Scalar>, [](I a, I b) { return std::min(a, b); }));
  };
  table["Mean"] = mean<Scalar>;
  table["Clip"] = clip<Scalar>;
  table["BitShift"] = shift<Scalar>;
  table["BitwiseAnd"] = [](C c) {
    return binary(c, no_reals<Scalar>, [](I a, I b) { return a & b; });
  };
  table["BitwiseOr"] = [](C c) {
    return binary(c, no_reals<Scalar>, [](I a, I b) { return a | b; });
  };
  table["BitwiseXor"] = [](C c) {
    return binary(c, no_reals<Scalar>, [](I a, I b) { return a ^ b; });
  };
}

}  // namespace

template <class Scalar>
void add_elementwise_operators(KernelTable<Scalar>& table) {
  add_arithmetic(table);
  add_functions(table);
  add_activations(table);
}

template void add_elementwise_operators(KernelTable<double>&);
template void add_elementwise_operators(KernelTable<float>&);

}  // namespace moliere::reference
