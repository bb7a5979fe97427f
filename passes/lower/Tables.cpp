// Collects the tables of the lowered module from argument and result attributes.
#include "passes/lower/Tables.h"

namespace mlir::llcc {

void Tables::add(func::FuncOp function, bool infer, int64_t stage) {
  Builder builder(function.getContext());
  DenseSet<StringAttr> updated;
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    for (StringRef key : {"llcc.param", "llcc.state"})
      if (auto name = function.getResultAttrOfType<StringAttr>(i, key))
        updated.insert(name);

  for (BlockArgument argument : function.getArguments()) {
    unsigned i = argument.getArgNumber();
    auto text = [&](StringRef key) { return function.getArgAttrOfType<StringAttr>(i, key); };
    auto has = [&](StringRef key) { return builder.getBoolAttr(bool(function.getArgAttr(i, key))); };
    StringAttr param = text("llcc.param"), state = text("llcc.state"), input = text("llcc.input"),
               label = text("llcc.label");
    if (!param && !state && !input && !label)
      continue;
    bool isVariable = param || state;
    StringAttr name = param ? param : state ? state : input ? input : label;
    Entry &entry = (isVariable ? variables : inputs)[name];
    bool updates = updated.contains(name);
    if (!entry.fields.empty() && (entry.updated || !updates) && (entry.fromStep || infer))
      continue;
    entry = {};
    entry.fromStep = !infer, entry.updated = updates;
    auto type = cast<RankedTensorType>(argument.getType());
    if (auto shape = function.getArgAttrOfType<DenseI64ArrayAttr>(i, "llcc.shape"))
      type = type.clone(shape.asArrayRef());
    entry.fields.set("name", name);
    entry.fields.set("type", TypeAttr::get(type));
    if (Attribute placement = function.getArgAttr(i, "llcc.placement"))
      entry.fields.set("placement", placement);
    if (isVariable) {
      entry.fields.set("role", builder.getStringAttr(param ? "param" : "state"));
      entry.fields.set("stage", builder.getI64IntegerAttr(stage));
      bool trained = param && updates && !function.getArgAttr(i, "llcc.decay"); // running statistics are tracked
      entry.fields.set("trainable", builder.getBoolAttr(trained));
      for (auto [from, to] : {std::pair("llcc.init", "init"), std::pair("llcc.stored", "stored"),
                              std::pair("llcc.file_shape", "file_shape")})
        if (Attribute value = function.getArgAttr(i, from))
          entry.fields.set(to, value);
    } else {
      entry.fields.set("label", builder.getBoolAttr(bool(label)));
      entry.fields.set("batched", has("llcc.batched"));
      for (auto [from, to] : {std::pair("llcc.classes", "classes"), std::pair("llcc.ignore", "ignore")})
        if (Attribute value = function.getArgAttr(i, from))
          entry.fields.set(to, value);
    }
  }
  if (!infer)
    return;
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (auto name = function.getResultAttrOfType<StringAttr>(i, "llcc.output"))
      outputs.push_back(
          builder.getDictionaryAttr({builder.getNamedAttr("name", name),
                                     builder.getNamedAttr("type", TypeAttr::get(function.getResultTypes()[i]))}));
}

void Tables::write() {
  Builder builder(module.getContext());
  auto list = [&](auto &entries) {
    SmallVector<Attribute> all;
    for (auto &[name, entry] : entries)
      all.push_back(entry.fields.getDictionary(builder.getContext()));
    return builder.getArrayAttr(all);
  };
  module->setAttr("llcc.variables", list(variables));
  module->setAttr("llcc.inputs", list(inputs));
  module->setAttr("llcc.outputs", builder.getArrayAttr(outputs));
}

} // namespace mlir::llcc
