// A debug panel for Node-RED's editor: that editor has none of its own, its debug node brings it along.
(function () {
    "use strict";
    var MOST = 200;
    if (window.buswayDebug || !RED.sidebar || !RED.comms) {
        return;
    }
    window.buswayDebug = true;

    function text(kind, content) {
        return $("<span>").addClass("red-ui-debug-msg-" + kind).text(content);
    }

    function reveal(id) {
        return function (event) {
            event.preventDefault();
            RED.view.reveal(id);
        };
    }

    function source(record) {
        var id = record._alias || record.id;
        var node = id && RED.nodes.node(id);
        var name = record.name || (node ? RED.utils.getNodeLabel(node, node.type) : record.type) || "";
        return $('<a href="#" class="red-ui-debug-msg-name">').text(name).on("click", reveal(id));
    }

    function value(record) {
        var decoded = record.msg;
        try {
            decoded = RED.utils.decodeObject(record.msg, record.format);
        } catch (error) {
            decoded = record.msg;
        }
        var options = { typeHint: record.format, hideKey: false, path: record.property || "" };
        return RED.utils.createObjectElement(decoded, options);
    }

    function row(record) {
        var meta = $('<div class="red-ui-debug-msg-meta">');
        meta.append(text("date", new Date(record.timestamp || Date.now()).toLocaleTimeString()), source(record));
        if (record.topic !== undefined) {
            meta.append(text("topic", String(record.topic)));
        }
        meta.append(text("topic", "msg" + (record.property ? "." + record.property : "") + " : " + record.format));
        var level = record.level ? " red-ui-debug-msg-level-" + record.level : "";
        return $('<div class="red-ui-debug-msg' + level + '">').append(meta, value(record));
    }

    function start() {
        var list = $('<div class="red-ui-debug-content red-ui-debug-content-list">');
        var content = $("<div>").css({ position: "relative", height: "100%" }).append(list);
        var clear = $('<button type="button" class="red-ui-button red-ui-button-small">').text("clear");
        clear.on("click", function () { list.empty(); });
        RED.sidebar.addTab({
            id: "debug",
            label: "debug",
            name: "Debug messages",
            iconClass: "fa fa-bug",
            content: content,
            toolbar: $("<div>").append(clear),
            enableOnEdit: true,
            pinned: true
        });
        RED.comms.subscribe("debug", function (_, record) {
            list.append(row(record));
            list.children().slice(0, Math.max(0, list.children().length - MOST)).remove();
            list.scrollTop(list.prop("scrollHeight"));
        });
    }

    start();
})();
