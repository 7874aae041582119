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

    function typeOf(name) {
        return KNOWN.indexOf(name) >= 0 ? name : { value: name, label: name, hasValue: name === "path" };
    }

    function prepare() {
        var node = this;
        typed.forEach(function (field) {
            var options = { types: field.types.map(typeOf) };
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
    }

    function save() {
        var node = this;
        structured.forEach(function (field) {
            var text = structuredInput(field.name).val();
            if (isJson(text)) {
                node[field.name] = JSON.parse(text);
            }
        });
    }

    function label() {
        var node = this;
        var text = (description.label || "{name}").replace(/\{(\w+)\}/g, function (_, name) {
            return node[name] === undefined || node[name] === null ? "" : String(node[name]);
        });
        return node.name || text.trim() || description.paletteLabel;
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
