// Turns the description of a node type into a definition for Node-RED's editor (RED.nodes.registerType).
window.buswayNode = function (description) {
    "use strict";
    var prefix = description.isConfig ? "node-config-input-" : "node-input-";
    var structured = description.fields.filter(function (field) { return field.widget === "json"; });
    var typed = description.fields.filter(function (field) { return field.widget === "typed"; });
    var paths = description.fields.filter(function (field) { return field.widget === "path"; });
    var KNOWN = ["msg", "flow", "global", "str", "num", "bool", "json", "bin", "re", "date", "jsonata", "env", "node", "cred"];

    function input(name) {
        return $("#" + prefix + name);
    }

    function structuredInput(name) {
        return $("#busway-input-" + name);
    }

    function isJson(text) {
        try {
            JSON.parse(text);
            return true;
        } catch (error) {
            return false;
        }
    }

    function typeOf(field, name) {
        if (KNOWN.indexOf(name) >= 0) {
            return name;
        }
        return { value: name, label: field.typeLabels[name], hasValue: (field.fixedTypes || []).indexOf(name) < 0 };
    }

    function row(name) {
        return $("#" + prefix + name + ", #busway-input-" + name).closest(".form-row");
    }

    // A field that depends on another one is shown while that has one of the wanted values.
    function watch(field) {
        var other = input(field.visible.field);
        function show() {
            var value = other.is(":checkbox") ? other.prop("checked") : other.val();
            row(field.name).toggle(field.visible["in"].some(function (wanted) { return String(wanted) === String(value); }));
        }
        if (other.length > 0) {
            other.on("change", show);
            show();
        }
    }

    function prepare() {
        var node = this;
        typed.forEach(function (field) {
            var options = { types: field.types.map(function (name) { return typeOf(field, name); }) };
            options["default"] = node[field.typeField] || field.types[0];
            options.typeField = input(field.typeField);
            input(field.name).typedInput(options);
        });
        paths.forEach(function (field) {
            input(field.name).typedInput({ types: [field.root], "default": field.root });
        });
        structured.forEach(function (field) {
            var value = node[field.name] === undefined ? field["default"] : node[field.name];
            structuredInput(field.name)
                .val(JSON.stringify(value, null, 2))
                .on("input", function () {
                    $(this).toggleClass("input-error", !isJson($(this).val()));
                });
        });
        description.fields.forEach(function (field) {
            if (field.visible) {
                watch(field);
            }
        });
    }

    function save() {
        var node = this;
        structured.forEach(function (field) {
            var text = structuredInput(field.name).val();
            if (isJson(text)) {
                node[field.name] = JSON.parse(text);
            }
        });
        var rule = description.outputRule;
        if (rule && rule.rows && rule.property) {
            input(rule.property).val(Math.max(node[rule.rows].length, 1));
        }
    }

    function at(node, path) {
        return path.split(".").reduce(function (value, name) {
            return value === undefined || value === null ? undefined : value[name];
        }, node);
    }

    // The text of a template; undefined if a value that it needs is missing or empty and nothing may be left out.
    function filled(template, node, mayLack) {
        var lacks = false;
        var text = template.replace(/\{([^{}]+)\}/g, function (_, path) {
            var value = at(node, path);
            lacks = lacks || value === undefined || value === null || value === "";
            return value === undefined || value === null ? "" : String(value);
        });
        return lacks && !mayLack ? undefined : text.trim();
    }

    function applies(rule, node) {
        return rule.when.every(function (condition) {
            var value = at(node, condition.field);
            return condition["in"].indexOf(value === undefined ? null : value) >= 0;
        });
    }

    function label() {
        var node = this;
        if (node.name) {
            return node.name;
        }
        var texts = description.labels.filter(function (rule) { return applies(rule, node); })
            .map(function (rule) { return filled(rule.text, node, false); })
            .filter(function (text) { return text !== undefined; });
        return texts[0] || filled(description.label, node, true) || description.paletteLabel;
    }

    function press() {
        $.ajax({ url: "inject/" + this.id, type: "POST", contentType: "application/json", data: "{}" })
            .fail(function (_, status, reason) { RED.notify(description.type + ": " + (reason || status), "error"); });
    }

    function toggle() {
        var action = this.active === false ? "disable" : "enable";
        $.ajax({ url: "debug/" + this.id + "/" + action, type: "POST" })
            .fail(function (_, status, reason) { RED.notify(description.type + ": " + (reason || status), "error"); });
    }

    function defaults() {
        var found = {};
        description.fields.forEach(function (field) {
            var entry = found[field.name] = { value: field["default"] };
            if (field.widget === "config") {
                entry.type = field.type;
                entry.required = Boolean(field.required);
                entry.value = "";
            } else if (field.widget === "number") {
                entry.validate = RED.validators.number(true);
            }
        });
        return found;
    }

    var definition = {
        category: description.category,
        color: description.color,
        defaults: defaults(),
        credentials: description.credentials,
        inputs: description.inputs,
        outputs: description.outputs,
        paletteLabel: description.paletteLabel,
        align: description.align,
        label: label,
        oneditprepare: prepare,
        oneditsave: save
    };
    if (description.icon) {
        definition.icon = description.icon;
    }
    if (description.outputNames) {
        definition.outputLabels = function (index) { return description.outputNames[index]; };
    }
    if (description.button) {
        definition.button = description.button.action === "toggle"
            ? { toggle: "active", onclick: toggle }
            : { onclick: press };
    }
    return definition;
};
