;; A client as sente_lite 2.0 speaks, over WebSocket; it shares no code with this package nor with that library.
;;
;;   nbb sente_lite_client.cljs ws://host:port/lite
;;
;; Takes one command a line on stdin, says one observation a line on stdout, both EDN. Commands: [:send event], [:raw "text"],
;; [:subscribe "channel"], [:publish "channel" data], [:watch :atom-id], [:put :atom-id value], [:break].
;; Observations: [:handshake inner], [:event event], [:atom id value], [:closed code], and what breaks the framing:
;; [:odd text], [:binary-frame], [:ws-error message].
;; Always: it keeps the atoms that it watches and the channels that it subscribed to over a reconnect, one second later.
(ns sente-lite-client
  (:require ["node:readline" :as readline]
            ["ws" :refer [WebSocket]]
            [cljs.reader :as reader]))

(def state (atom {:socket nil :ready? false :channels #{} :atoms {} :versions {}}))

(defn say! [observation] (println (pr-str observation)))

(defn send! [event] (.send (:socket @state) (pr-str event)))

(defn subscribe! [channel]
  (swap! state update :channels conj channel)
  (when (:ready? @state) (send! [:sente-lite/subscribe {:channel-id channel}])))

(defn publish! [channel data]
  (send! [:sente-lite/publish {:channel-id channel :data data :exclude-sender? false}]))

(defn put! [id value]
  (let [version (get-in (swap! state update-in [:versions id] (fnil inc 0)) [:versions id])]
    (publish! "atom-sync" {:atom-id id :value value :version version :timestamp (js/Date.now)})))

(defn take-atom! [{:keys [atom-id value version timestamp]}]
  (when (contains? (:atoms @state) atom-id)
    (swap! state assoc-in [:atoms atom-id] value)
    (say! (if (and (pos-int? version) (pos-int? timestamp)) [:atom atom-id value] [:odd-atom version timestamp]))))

(defn receive! [text]
  (let [[id data :as event] (try (reader/read-string text) (catch :default _ nil))]
    (cond
      (not (and (vector? event) (<= 1 (count event) 2) (qualified-keyword? id))) (say! [:odd text])
      (= id :chsk/handshake)
      (do (swap! state assoc :ready? true)
          (say! [:handshake data])
          (doseq [channel (:channels @state)] (subscribe! channel)))
      (= id :chsk/ws-ping) (do (send! [:chsk/ws-pong]) (say! [:event event]))
      (and (= id :sente-lite/channel-msg) (= "atom-sync" (:channel-id data))) (take-atom! (:data data))
      :else (say! [:event event]))))

(defn connect! [url]
  (let [socket (WebSocket. url)]
    (swap! state assoc :socket socket)
    (.on socket "message" (fn [data binary?] (if binary? (say! [:binary-frame]) (receive! (str data)))))
    (.on socket "error" #(say! [:ws-error (.-message %)]))
    (.on socket "close" (fn [code]
                          (swap! state assoc :ready? false)
                          (say! [:closed code])
                          (js/setTimeout #(connect! url) 1000)))))

(defn command! [[verb a b]]
  (case verb
    :send (send! a)
    :raw (.send (:socket @state) a)
    :subscribe (subscribe! a)
    :publish (publish! a b)
    :watch (do (swap! state assoc-in [:atoms a] nil) (subscribe! "atom-sync"))
    :put (put! a b)
    :break (.terminate (:socket @state))))

(let [lines (readline/createInterface #js {:input js/process.stdin})]
  (.on lines "line" #(command! (reader/read-string %)))
  (.on lines "close" #(js/process.exit 0)))
(connect! (first *command-line-args*))
