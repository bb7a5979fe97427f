// The llcc dialect: the language that all five stages speak.
#ifndef LLCC_DIALECT_TD
#define LLCC_DIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/TensorEncoding.td"

def Llcc_Dialect : Dialect {
  let name = "llcc";
  let cppNamespace = "::mlir::llcc";
  let summary = "Training steps: tensors, sharding, collectives and step plans";
  let description = [{
    Elementwise work is `arith` and `math` on tensors. This dialect adds what
    upstream lacks: shape-changing ops without destination operands,
    contractions, convolutions and their gradients, ops that training needs
    whole until they are differentiated (softmax, layer norm, update), mesh and
    sharding attributes, collectives, and the step plan.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
  let hasOperationAttrVerify = 0;
}

//===-- Attributes ---------------------------------------------------------===//

class Llcc_Attr<string name, string mnem, list<Trait> traits = []> : AttrDef<Llcc_Dialect, name, traits> {
  let mnemonic = mnem;
}

def Llcc_MeshAttr : Llcc_Attr<"Mesh", "mesh"> {
  let summary = "named axes of a device grid, row-major";
  let description = [{
    `#llcc.mesh<["data", "tensor"], [2, 4]>`: device number = row-major index of
    its coordinates. The axis named `pipeline`, where there is one, numbers the
    pipeline stages; collectives never run over it.
    (C1) as many names as sizes; (C2) names unique and not empty; (C3) sizes >= 1.
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$axes, ArrayRefParameter<"int64_t">:$sizes);
  let assemblyFormat = "`<` `[` $axes `]` `,` `[` $sizes `]` `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Size of `axis`; 1 where the mesh has no such axis.
    int64_t getSize(::llvm::StringRef axis) const;
    /// Product of the sizes of `axes`.
    int64_t getSize(::llvm::ArrayRef<::mlir::StringAttr> axes) const;
    /// Number of devices.
    int64_t getDevices() const;
    /// Position of `axis`, or -1.
    int64_t getPosition(::llvm::StringRef axis) const;
  }];
}

def Llcc_ReduceKind : I32EnumAttr<"ReduceKind", "how elements are combined", [
    I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Max", 1, "max">,
    I32EnumAttrCase<"Min", 2, "min">, I32EnumAttrCase<"Prod", 3, "prod">]> {
  let cppNamespace = "::mlir::llcc";
  let genSpecializedAttr = 0;
}
def Llcc_ReduceKindAttr : EnumAttr<Llcc_Dialect, Llcc_ReduceKind, "reduce_kind"> { let assemblyFormat = "`<` $value `>`"; }

def Llcc_ShardingAttr : Llcc_Attr<"Sharding", "sharding", [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "where the pieces of a tensor are: the encoding of a placed tensor type";
  let description = [{
    `tensor<64x128xf32, #llcc.sharding<[["data"], []], partial = ["tensor"]>>`.
    The shape stays the logical (global) one. On each mesh axis a value is exactly one of

    * *varying*: the axis is listed at a dimension, major axis first. A dimension of size n over axes of sizes
      s1..sk is cut into nested padded blocks: L0 = n, Li = ceil(L(i-1)/si); the local size is Lk and
      the member with coordinates c1..ck starts at sum ci*Li; elements past the end of a block are padding
      whose content is undefined;
    * *partial*: listed in `partial`: the logical value is the `kind`-reduction of the members' values;
    * *invariant*: listed in `invariant`: all members hold the same bits, because the loader or a collective put
      them there (parameters, state, inputs, results of all-reduce and all-gather), or because all members ran the same
      kernel on such bits: pure ops of invariant values are invariant, so parameters stay equal step after step;
    * *replicated*: not listed: all members compute the same value, but perhaps not bit for bit.

    (C1) one axis list for each dimension; (C2) no axis is listed twice.
  }];
  let parameters = (ins
    ArrayRefParameter<"::mlir::ArrayAttr", "per dimension, the axes (StringAttr), major first">:$dims,
    OptionalArrayRefParameter<"::mlir::StringAttr">:$partial,
    DefaultValuedParameter<"::mlir::llcc::ReduceKind", "::mlir::llcc::ReduceKind::Sum">:$kind,
    OptionalArrayRefParameter<"::mlir::StringAttr">:$invariant);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Axes at dimension `dim`, major first.
    ::llvm::SmallVector<::mlir::StringAttr> getAxes(int64_t dim) const;
    bool isPartial() const { return !getPartial().empty(); }
    /// True where no dimension is cut and nothing is pending.
    bool isReplicated() const;
    /// Local (padded) size of dimension `dim` with logical size `size`.
    int64_t getLocalSize(int64_t size, int64_t dim, ::mlir::llcc::MeshAttr mesh) const;
  }];
}

#endif
